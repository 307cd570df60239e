# One place for the compiler options that every target of the project shares.

find_program(LATHE_CCACHE ccache)
# Relative to the checkout, so that what one checkout compiled serves the others.
set(LATHE_CCACHE_SETTINGS CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=true)
include(lathe_pch)
if(LATHE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env ${LATHE_CCACHE_SETTINGS} ${LATHE_CCACHE})
endif()

function(lathe_options target)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # GCC 12 raises it falsely on std::string
    $<$<BOOL:${LATHE_WERROR}>:-Werror>)
  if(LATHE_SANITIZE)
    target_compile_options(${target} PUBLIC -fsanitize=${LATHE_SANITIZE} -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${LATHE_SANITIZE})
    # What GCC makes of the paths that sanitizers add is not always true.
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
      target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized -Wno-error=array-bounds
        -Wno-error=stringop-overflow -Wno-error=nonnull)
    endif()
  endif()
endfunction()

# A static library of every .cc below the calling folder's given sub-folders; a folder that has none
# yet still gives a (nearly empty) library, so that whoever links it need not know.
function(lathe_library target)
  set(sources)
  foreach(folder ${ARGN})
    file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cc)
    list(APPEND sources ${found})
  endforeach()
  if(NOT sources)
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/${target}_empty.cc)
    file(WRITE ${sources} "namespace lathe {}\n")
  endif()
  add_library(${target} STATIC ${sources})
  lathe_options(${target})
endfunction()

# One place for the compiler options that every target of the project shares.

find_program(LATHE_CCACHE ccache)
if(LATHE_CCACHE)
  # Relative to the checkout, so that what one checkout compiled serves the others.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=true
    ${LATHE_CCACHE})
endif()

function(lathe_options target)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # GCC 12 raises it falsely on std::string
    $<$<BOOL:${LATHE_WERROR}>:-Werror>)
  if(LATHE_SANITIZE)
    # Three checks are left out, with which panels take minutes to compile: AddressSanitizer sees accesses through
    # null and beyond objects; pointer arithmetic that wraps without an access goes unseen.
    target_compile_options(${target} PUBLIC -fsanitize=${LATHE_SANITIZE} -fno-sanitize-recover=all
      -fno-sanitize=null,object-size,pointer-overflow -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${LATHE_SANITIZE})
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

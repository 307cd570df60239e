# Precompiled headers: of the standard library and of packages only, never the project's own, so that they hold from
# the first build on. A file includes what it uses all the same: LATHE_PCH=OFF must build.

option(LATHE_PCH "Precompile the headers of the standard library and of packages" OFF)

set(LATHE_STANDARD_HEADERS <algorithm> <cmath> <condition_variable> <cstdint> <functional> <map> <memory> <mutex>
  <optional> <span> <string> <string_view> <thread> <unordered_map> <utility> <vector>)

if(LATHE_PCH AND LATHE_CCACHE)
  # What ccache wants to know a precompiled header by its contents.
  list(APPEND LATHE_CCACHE_SETTINGS CCACHE_SLOPPINESS=pch_defines,time_macros)
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endif()

# lathe_precompile(TARGET HEADER...): the standard headers and the given ones.
function(lathe_precompile target)
  if(LATHE_PCH)
    target_precompile_headers(${target} PRIVATE ${LATHE_STANDARD_HEADERS} ${ARGN})
  endif()
endfunction()

# lathe_precompiled_as(TARGET OTHER): those of another target that is compiled with the same options.
function(lathe_precompiled_as target other)
  if(LATHE_PCH)
    target_precompile_headers(${target} REUSE_FROM ${other})
  endif()
endfunction()

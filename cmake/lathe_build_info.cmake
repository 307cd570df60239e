# lathe_build_info(FILE): defines LATHE_VERSION, LATHE_BUILD_COMMIT and LATHE_BUILD_NUMBER for that one source file.
# Looked up again when the repository's log of HEAD has changed.
function(lathe_git output fallback)
  execute_process(COMMAND git ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    OUTPUT_VARIABLE text ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
  if(failed OR text STREQUAL "")
    set(text ${fallback})
  endif()
  set(${output} ${text} PARENT_SCOPE)
endfunction()

function(lathe_build_info file)
  lathe_git(commit unknown rev-parse --short HEAD)
  lathe_git(number 0 rev-list --count HEAD)
  lathe_git(log "" rev-parse --path-format=absolute --git-path logs/HEAD)
  if(log AND EXISTS ${log})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${log})
  endif()
  set_source_files_properties(${file} PROPERTIES COMPILE_DEFINITIONS
    "LATHE_VERSION=\"${PROJECT_VERSION}\";LATHE_BUILD_COMMIT=\"${commit}\";LATHE_BUILD_NUMBER=${number}")
endfunction()

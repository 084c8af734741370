# The SDK's packages: a template is made and built from the unpacked archive alone.
# -D BINARY_DIR, CXX_COMPILER, WORK
file(REMOVE_RECURSE "${WORK}")
execute_process(COMMAND "${CMAKE_CPACK_COMMAND}" --config "${BINARY_DIR}/CPackConfig.cmake"
                        -G "TGZ;DEB" -B "${WORK}"
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(GLOB archive "${WORK}/dream-sdk-*.tar.gz")
file(GLOB deb "${WORK}/dream-sdk-*.deb")
file(ARCHIVE_EXTRACT INPUT "${archive}" DESTINATION "${WORK}/unpacked")
file(GLOB SDK "${WORK}/unpacked/dream-sdk-*")
foreach(file IN ITEMS include/dream/template.hpp include/dream/testing.hpp
        lib/cmake/DreamSdk/DreamSdkConfig.cmake share/dream/new-template
        share/doc/dream-sdk/writing-templates.md)
  if(NOT EXISTS "${SDK}/${file}")
    message(SEND_ERROR "${file} is not in ${archive}")
  endif()
endforeach()
file(GLOB_RECURSE programs "${SDK}/*.so" "${SDK}/bin/*")
if(programs)
  message(SEND_ERROR "the package is for every machine, and these are not: ${programs}")
endif()
find_program(dpkg_deb dpkg-deb)
if(dpkg_deb)
  execute_process(COMMAND "${dpkg_deb}" -c "${deb}" OUTPUT_VARIABLE listing
                  COMMAND_ERROR_IS_FATAL ANY)
  if(NOT listing MATCHES "\\./usr/include/dream/template\\.hpp")
    message(SEND_ERROR "the Debian package has no headers:\n${listing}")
  endif()
endif()

set(TOOL "${SDK}/share/dream/new-template")
set(KIND text)
set(WORK "${WORK}/project")
include("${CMAKE_CURRENT_LIST_DIR}/new_template.cmake")

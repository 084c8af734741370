# cpack -G TGZ (or DEB): the SDK alone, for people who write templates: headers, CMake files,
# new-template and the guide. No program is in it: `dream` comes with the whole installation.
set(CPACK_PACKAGE_NAME dream-sdk)
set(CPACK_PACKAGE_VERSION "${DREAM_SDK_VERSION}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Headers and tools to write templates for dream")
set(CPACK_PACKAGE_CONTACT "the dream-templates project")
set(CPACK_PACKAGE_FILE_NAME "dream-sdk-${DREAM_SDK_VERSION}")
set(CPACK_GENERATOR TGZ DEB)
set(CPACK_COMPONENTS_ALL sdk)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)

# The archive unpacks to a prefix in a folder of its own; the Debian package goes to /usr.
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
file(WRITE "${PROJECT_BINARY_DIR}/CPackGenerator.cmake" [[
if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
else()
  set(CPACK_PACKAGING_INSTALL_PREFIX /)
  set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY ON)
endif()
]])
set(CPACK_PROJECT_CONFIG_FILE "${PROJECT_BINARY_DIR}/CPackGenerator.cmake")

set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "g++ (>= 4:12) | clang-16, cmake (>= 3.25), python3")
include(CPack)

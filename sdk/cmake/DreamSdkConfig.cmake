# find_package(DreamSdk 1.0): the headers as DreamSdk::sdk, and dream_add_template().
include("${CMAKE_CURRENT_LIST_DIR}/DreamSdkTargets.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/dream_add_template.cmake")

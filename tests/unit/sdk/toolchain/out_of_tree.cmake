# A third party's project: installs the SDK alone, builds the README's template against it, and
# looks at what that needed. -D BINARY_DIR (of this project), SOURCE (the third party's), WORK,
# CXX_COMPILER
file(REMOVE_RECURSE "${WORK}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BINARY_DIR}" --component sdk
                        --prefix "${WORK}/sdk"
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(COPY "${SOURCE}/" DESTINATION "${WORK}/source")
set(ENV{CCACHE_DISABLE} 1)
execute_process(COMMAND "${CMAKE_COMMAND}" -G Ninja -S "${WORK}/source" -B "${WORK}/build"
                        "-DCMAKE_PREFIX_PATH=${WORK}/sdk" "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}"
                        "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror"
                        -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=${WORK}/installed
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
include("${CMAKE_CURRENT_LIST_DIR}/timed_build.cmake")
timed_build("${WORK}/build")

execute_process(COMMAND ninja -C "${WORK}/build" -t deps OUTPUT_VARIABLE deps
                COMMAND_ERROR_IS_FATAL ANY)
if(NOT deps MATCHES "dream/template.hpp" OR
   deps MATCHES "torch/|ATen/|opencv|nlohmann|boost/|fmt/|spdlog|<regex>|/iostream\n|/filesystem\n")
  message(SEND_ERROR "the template's headers are not what they should be:\n${deps}")
endif()

execute_process(COMMAND "${CMAKE_COMMAND}" --install "${WORK}/build"
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
set(FILE "${WORK}/installed/lib/dream/templates/watercolour.so")
include("${CMAKE_CURRENT_LIST_DIR}/library.cmake")

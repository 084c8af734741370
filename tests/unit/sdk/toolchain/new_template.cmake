# What new-template writes builds in time, passes its test, and needs nothing but the SDK; what is
# there already is never overwritten. -D TOOL, SDK (its prefix), KIND, CXX_COMPILER, WORK
file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")
set(name "my-${KIND}")
execute_process(COMMAND "${TOOL}" ${name} --kind ${KIND} --sdk "${SDK}" --into "${WORK}/${name}"
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(GLOB written "${WORK}/${name}/*")
list(LENGTH written count)
if(NOT count EQUAL 5)
  message(SEND_ERROR "not five files: ${written}")
endif()
execute_process(COMMAND "${TOOL}" ${name} --into "${WORK}/${name}" RESULT_VARIABLE rc
                ERROR_VARIABLE text)
if(rc EQUAL 0 OR NOT text MATCHES "nothing is overwritten")
  message(SEND_ERROR "an existing folder was not refused: ${text}")
endif()

set(ENV{CCACHE_DISABLE} 1)
set(build "${WORK}/${name}/build")
execute_process(COMMAND "${CMAKE_COMMAND}" -G Ninja -S "${WORK}/${name}" -B "${build}"
                        "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}"
                        "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Wshadow -Werror"
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
include("${CMAKE_CURRENT_LIST_DIR}/timed_build.cmake")
timed_build("${build}")
execute_process(COMMAND ninja -C "${build}" -t deps OUTPUT_VARIABLE deps
                COMMAND_ERROR_IS_FATAL ANY)
if(NOT deps MATCHES "dream/testing.hpp" OR
   deps MATCHES "torch/|ATen/|opencv|nlohmann|boost/|gtest/")
  message(SEND_ERROR "the template's headers are not what they should be:\n${deps}")
endif()
execute_process(COMMAND "${CMAKE_CTEST_COMMAND}" --test-dir "${build}" --output-on-failure
                OUTPUT_VARIABLE text RESULT_VARIABLE rc)
if(NOT rc EQUAL 0 OR NOT text MATCHES "100% tests passed, 0 tests failed out of 1")
  message(SEND_ERROR "its test fails:\n${text}")
endif()
set(FILE "${build}/lib/dream/templates/${name}.so")
include("${CMAKE_CURRENT_LIST_DIR}/library.cmake")

# Builds an in-tree template's folder against the installed SDK, as a third party would.
# -D SDK (prefix), FOLDER (the template's), WORK, CXX_COMPILER
file(REMOVE_RECURSE "${WORK}")
file(COPY "${FOLDER}/" DESTINATION "${WORK}/source/template")
file(WRITE "${WORK}/source/CMakeLists.txt"
     "cmake_minimum_required(VERSION 3.25)\nproject(third_party LANGUAGES CXX)\n"
     "find_package(DreamSdk 1.0 REQUIRED)\nadd_subdirectory(template)\n")
set(ENV{CCACHE_DISABLE} 1)
execute_process(COMMAND "${CMAKE_COMMAND}" -G Ninja -S "${WORK}/source" -B "${WORK}/build"
                        "-DCMAKE_PREFIX_PATH=${SDK}" "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}"
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${WORK}/build"
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
get_filename_component(name "${FOLDER}" NAME)
set(FILE "${WORK}/build/lib/dream/templates/${name}.so")
include("${CMAKE_CURRENT_LIST_DIR}/library.cmake")

# Third-party packages. The engine needs libtorch, nlohmann_json and fmt alone.
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt 9 REQUIRED)

if(DREAM_CUDA)
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80 90)
  endif()
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
endif()

if(DREAM_ENGINE)
  if(NOT DREAM_TORCH_DIR)
    file(GLOB _torch_dirs "${PROJECT_SOURCE_DIR}/.deps/venv/lib/python3*/site-packages/torch")
    list(GET _torch_dirs 0 DREAM_TORCH_DIR)
  endif()
  if(NOT EXISTS "${DREAM_TORCH_DIR}/share/cmake/Torch")
    message(FATAL_ERROR "libtorch not found: set DREAM_TORCH_DIR to a libtorch folder or to the "
                        "'torch' folder of a PyTorch wheel, or run tools/dream, which fetches it")
  endif()
  list(APPEND CMAKE_PREFIX_PATH "${DREAM_TORCH_DIR}")
  find_package(Torch REQUIRED)
endif()

if(NOT DREAM_ENGINE_ONLY)
  find_package(Boost 1.81 REQUIRED COMPONENTS filesystem url)
  # Found by file: Debian ships OpenCV's CMake package only with the whole of OpenCV.
  find_path(OpenCV_INCLUDE_DIRS opencv2/imgcodecs.hpp PATH_SUFFIXES opencv4 REQUIRED)
  foreach(_module core imgproc imgcodecs)
    find_library(OPENCV_${_module}_LIBRARY opencv_${_module} REQUIRED)
    add_library(opencv_${_module} UNKNOWN IMPORTED)
    set_target_properties(opencv_${_module} PROPERTIES
      IMPORTED_LOCATION "${OPENCV_${_module}_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${OpenCV_INCLUDE_DIRS}")
  endforeach()
  find_package(CLI11 REQUIRED)
  find_package(spdlog REQUIRED)
  find_package(OpenSSL REQUIRED)
  find_package(CURL REQUIRED)
  find_package(SQLite3 3.38 REQUIRED)
  find_package(PostgreSQL REQUIRED)  # its client library
  find_package(ZLIB REQUIRED)
  find_package(LibArchive 3.6 REQUIRED)
  find_library(RE2_LIBRARY re2 REQUIRED)
  # Its core alone, by file: the CMake package asks for a web server and libcurl too.
  find_path(PROMETHEUS_CPP_INCLUDE_DIR prometheus/registry.h REQUIRED)
  find_library(PROMETHEUS_CPP_CORE_LIBRARY prometheus-cpp-core REQUIRED)
  add_library(prometheus_cpp_core UNKNOWN IMPORTED)
  set_target_properties(prometheus_cpp_core PROPERTIES
    IMPORTED_LOCATION "${PROMETHEUS_CPP_CORE_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${PROMETHEUS_CPP_INCLUDE_DIR}")
endif()
if(DREAM_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

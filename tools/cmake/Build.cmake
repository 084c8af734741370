# How everything is compiled and where it lands. The build tree mirrors the installed tree
# (bin, lib/dream, share/dream), so a program finds its parts the same way in both.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

include(GNUInstallDirs)
set(CMAKE_INSTALL_LIBDIR lib)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib/dream")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers are cacheable only with these two relaxations.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(dream_options INTERFACE)  # warnings for our own code, linked privately
set(_host_code $<COMPILE_LANGUAGE:C,CXX>)  # nvcc has other options
target_compile_options(dream_options INTERFACE
  "$<${_host_code}:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wno-psabi>")
if(DREAM_WERROR)
  target_compile_options(dream_options INTERFACE "$<${_host_code}:-Werror>")
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Lets ccache see through precompiled headers.
  add_compile_options("$<${_host_code}:-fpch-preprocess>")
endif()

if(DREAM_SANITIZE)
  add_compile_options(-fsanitize=${DREAM_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${DREAM_SANITIZE})
  if(DREAM_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
if(DREAM_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

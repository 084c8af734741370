# dream_add_template(NAME vanilla SOURCES vanilla.cpp [TIER c|torch] [DIRECTORY templates]
#                    [NO_INSTALL])
#
# Builds the template library NAME.so, which a host loads from <build>/lib/dream/<DIRECTORY> or from
# any folder in DREAM_TEMPLATE_PATH, and installs it to lib/dream/<DIRECTORY>. Nothing but
# dream_template_entry is exported, so that two templates in one process never share a symbol.
#
# Tier c (the default) needs nothing but the SDK and runs on every later host of its major version.
# Tier torch may use ATen (find_package(Torch) first) and runs only on a host with the same
# libtorch, compiler and SDK.
function(dream_add_template)
  cmake_parse_arguments(ARG "NO_INSTALL" "NAME;TIER;DIRECTORY" "SOURCES" ${ARGN})
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "dream_add_template: unknown argument ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT ARG_NAME OR NOT ARG_SOURCES)
    message(FATAL_ERROR "dream_add_template needs NAME and SOURCES")
  endif()
  if(NOT ARG_TIER)
    set(ARG_TIER c)
  endif()
  if(NOT ARG_TIER MATCHES "^(c|torch)$")
    message(FATAL_ERROR "dream_add_template(${ARG_NAME}): tier '${ARG_TIER}' is unknown; this SDK "
                        "builds the tiers c and torch")
  endif()
  if(ARG_TIER STREQUAL "torch" AND NOT (TARGET torch AND Torch_VERSION))
    message(FATAL_ERROR "dream_add_template(${ARG_NAME}): tier torch needs libtorch: call "
                        "find_package(Torch REQUIRED) first")
  endif()
  if(NOT ARG_DIRECTORY)
    set(ARG_DIRECTORY templates)
  endif()

  set(map "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/template.map")
  add_library(${ARG_NAME} MODULE ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME} PRIVATE DreamSdk::sdk)
  target_compile_options(${ARG_NAME} PRIVATE
    -fvisibility=hidden -fvisibility-inlines-hidden
    # Unique symbols would be shared across libraries and keep them mapped for ever.
    $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  target_link_options(${ARG_NAME} PRIVATE
    "-Wl,--version-script,${map}" "-Wl,--exclude-libs,ALL")
  # clang leaves the sanitizers' symbols to the program, so there they must stay open.
  if(NOT (CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND DREAM_SANITIZE))
    target_link_options(${ARG_NAME} PRIVATE "-Wl,-z,defs")
  endif()
  set_target_properties(${ARG_NAME} PROPERTIES
    PREFIX "" CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
    LINK_DEPENDS "${map}"
    LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib/dream/${ARG_DIRECTORY}")
  if(ARG_TIER STREQUAL "torch")
    # The version is the package's: the macro TORCH_VERSION is wrong in some distributions.
    target_compile_definitions(${ARG_NAME} PRIVATE
      "DREAM_TEMPLATE_TIER=\"torch\"" "DREAM_TEMPLATE_TORCH=\"${Torch_VERSION}\"")
    target_link_libraries(${ARG_NAME} PRIVATE ${TORCH_LIBRARIES})
    set_target_properties(${ARG_NAME} PROPERTIES INSTALL_RPATH "$ORIGIN/..")  # the host's libtorch
  endif()
  if(NOT ARG_NO_INSTALL)
    install(TARGETS ${ARG_NAME} LIBRARY DESTINATION lib/dream/${ARG_DIRECTORY})
  endif()
endfunction()

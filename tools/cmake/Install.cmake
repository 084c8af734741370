# The installed tree stands alone: libtorch's shared libraries lie beside the engine, which finds
# them by its $ORIGIN run path. Left out are the parts only Python or libtorch's own tests load.
if(DREAM_ENGINE)
  install(DIRECTORY "${DREAM_TORCH_DIR}/lib/" DESTINATION lib/dream
          FILES_MATCHING PATTERN "*.so*"
          PATTERN "libtorch_python*" EXCLUDE PATTERN "libshm*" EXCLUDE PATTERN "*test*" EXCLUDE
          PATTERN "libbackend_with_compiler*" EXCLUDE PATTERN "libaoti_custom_ops*" EXCLUDE)
  if(EXISTS "${DREAM_TORCH_DIR}/lib/libtorch_cuda.so")
    # PyTorch's CUDA wheels leave CUDA's own libraries to other wheels, installed beside them.
    file(GLOB _cuda_folders "${DREAM_TORCH_DIR}/../nvidia/*/lib")
    foreach(_folder IN LISTS _cuda_folders)
      install(DIRECTORY "${_folder}/" DESTINATION lib/dream FILES_MATCHING PATTERN "*.so*")
    endforeach()
  endif()
endif()
install(FILES LICENSE README.md CHANGELOG.md DESTINATION share/doc/dream)

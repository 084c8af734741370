# Every public header compiles alone and without a warning. -D C_COMPILER, CXX_COMPILER, INCLUDE
file(GLOB abi RELATIVE "${INCLUDE}" "${INCLUDE}/dream/abi/*.h")
file(GLOB cxx RELATIVE "${INCLUDE}" "${INCLUDE}/dream/*.hpp" "${INCLUDE}/dream/testing/*.hpp")
list(REMOVE_ITEM cxx dream/torch.hpp)  # needs libtorch; the tier torch example compiles it
if(NOT abi OR NOT cxx)
  message(FATAL_ERROR "no headers below ${INCLUDE}")
endif()

function(compile header compiler standard language)
  execute_process(
    COMMAND sh -c "printf '#include <%s>\\n' \"$1\" | \"$2\" -x $4 -std=$3 -fsyntax-only -Wall \
-Wextra -Wpedantic -Werror -I\"$5\" -" sh "${header}" "${compiler}" "${standard}" "${language}"
            "${INCLUDE}"
    RESULT_VARIABLE rc ERROR_VARIABLE text)
  if(NOT rc EQUAL 0)
    message(SEND_ERROR "${header} does not compile alone as ${standard} with ${compiler}:\n${text}")
  endif()
endfunction()

foreach(header IN LISTS abi)
  compile("${header}" "${C_COMPILER}" c11 c)
  compile("${header}" "${CXX_COMPILER}" c++20 c++)
endforeach()
foreach(header IN LISTS cxx)
  compile("${header}" "${CXX_COMPILER}" c++20 c++)
endforeach()

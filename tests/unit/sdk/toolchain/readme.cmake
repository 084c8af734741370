# The code in sdk/README.md is the code that the tests compile. -D README, FILES
file(READ "${README}" readme)
foreach(file IN LISTS FILES)
  file(READ "${file}" code)
  string(FIND "${readme}" "${code}" at)
  if(at EQUAL -1)
    message(SEND_ERROR "${README} does not contain ${file} word for word")
  endif()
endforeach()

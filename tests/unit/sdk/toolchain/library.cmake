# What a template library shows to the outside, stripped of all symbols: the ABI note, readable by
# readelf, and one exported function. -D FILE, WORK, [TORCH: a version, for
# tier torch]
get_filename_component(name "${FILE}" NAME)
set(stripped "${WORK}/stripped-${name}")
execute_process(COMMAND strip -s -o "${stripped}" "${FILE}" COMMAND_ERROR_IS_FATAL ANY)

execute_process(COMMAND readelf -nW "${stripped}" OUTPUT_VARIABLE notes ERROR_VARIABLE warnings
                COMMAND_ERROR_IS_FATAL ANY)
if("${notes}${warnings}" MATCHES "corrupt|[Ww]arning")
  message(SEND_ERROR "readelf finds fault with the notes:\n${notes}${warnings}")
endif()
if(NOT notes MATCHES "DREAM +0x")
  message(SEND_ERROR "no note of DREAM:\n${notes}")
endif()
execute_process(COMMAND readelf -p .note.dream.abi "${stripped}" OUTPUT_VARIABLE text
                COMMAND_ERROR_IS_FATAL ANY)
set(tier c)
set(torch none)
if(TORCH)
  set(tier torch)
  string(REPLACE "." "\\." torch "${TORCH}")
endif()
if(NOT text MATCHES "sdk=1\\.3;tier=${tier};cxx=(gcc|clang)[0-9]+;cxx11abi=[01];torch=${torch};")
  message(SEND_ERROR "unexpected text of the note:\n${text}")
endif()

execute_process(COMMAND nm -D --defined-only "${stripped}" OUTPUT_VARIABLE symbols
                COMMAND_ERROR_IS_FATAL ANY)
if(NOT symbols MATCHES "^[0-9a-f]+ T dream_template_entry\n$")
  message(SEND_ERROR "exports more or less than dream_template_entry:\n${symbols}")
endif()
file(REMOVE "${stripped}")

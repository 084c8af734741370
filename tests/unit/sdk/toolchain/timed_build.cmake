# timed_build(FOLDER): builds it and fails above 15 s. Processor time is measured, which a busy
# machine does not change; on a machine with one processor it is the time that passes.
function(timed_build folder)
  execute_process(COMMAND bash -c "TIMEFORMAT='%U %S'; time \"$0\" --build \"$1\" >\"$1/log\" 2>&1"
                          "${CMAKE_COMMAND}" "${folder}"
                  RESULT_VARIABLE rc ERROR_VARIABLE seconds)
  if(NOT rc EQUAL 0)
    file(READ "${folder}/log" log)
    message(FATAL_ERROR "the build failed:\n${log}")
  endif()
  if(NOT seconds MATCHES "([0-9]+)[.,][0-9]+ ([0-9]+)[.,]")
    message(FATAL_ERROR "no times: ${seconds}")
  endif()
  math(EXPR took_s "${CMAKE_MATCH_1} + ${CMAKE_MATCH_2} + 1")
  message("built in ${took_s} s of processor time")
  if(took_s GREATER 15)
    message(SEND_ERROR "a template took ${took_s} s to build, at most 15 s")
  endif()
endfunction()

# What the host publishes for a template is what its folder says. -D DREAM (the program), NAME, FILE
set(ENV{DREAM_DEFAULT_WEIGHTS} none)  # weights may carry a prompt of their own
unset(ENV{COG_WEIGHTS})
execute_process(COMMAND "${DREAM}" templates schema "${NAME}" OUTPUT_VARIABLE published
                COMMAND_ERROR_IS_FATAL ANY)
file(READ "${FILE}" snapshot)
if(NOT published STREQUAL snapshot)
  message(FATAL_ERROR "${FILE} is not what the host publishes. If the change is meant:\n"
                      "  DREAM_DEFAULT_WEIGHTS=none ${DREAM} templates schema ${NAME} > ${FILE}")
endif()

# Writes OUTPUT, a header with the git revision of SOURCE, and touches it only when that changes.
execute_process(COMMAND git -C "${SOURCE}" rev-parse --short=12 HEAD
                OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE
                ERROR_QUIET RESULT_VARIABLE failed)
if(failed OR NOT revision)
  set(revision unknown)
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT
"// The revision this program was built from.
#pragma once
inline constexpr char git_revision[] = \"@revision@\";
" @ONLY)

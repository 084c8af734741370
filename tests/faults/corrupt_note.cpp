// Fault: the note's owner claims to be larger than the file.
#include "fault.hpp"

FAULT_ABORTS_WHEN_LOADED
__asm__(
    ".pushsection .note.dream.abi,\"a\",@note\n"
    ".balign 4\n"
    ".long 0xfffffff0, 0x7fffffff, 1\n"
    ".asciz \"DREAM\"\n"
    ".balign 4\n"
    ".ascii \"sdk=1\"\n"
    ".popsection\n");
DREAM_DETAIL_ENTRY(Healthy, "corrupt_note", "1.0.0", "Has a damaged ABI note.")

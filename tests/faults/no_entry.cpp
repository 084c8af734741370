// Fault: a good note, but dream_template_entry is missing.
#include <dream/note.hpp>

DREAM_DETAIL_NOTE(DREAM_DETAIL_NOTE_TEXT)

// Fault: the entry gives no template.
#include "fault.hpp"

DREAM_DETAIL_NOTE(DREAM_DETAIL_NOTE_TEXT)
extern "C" __attribute__((visibility("default"))) const dream_template* dream_template_entry(void) {
  return nullptr;
}

// Fault: a struct_size that ends before the functions.
#include "fault.hpp"

DREAM_DETAIL_NOTE(DREAM_DETAIL_NOTE_TEXT)
extern "C" __attribute__((visibility("default"))) const dream_template* dream_template_entry(void) {
  static dream_template entry =
      dream::detail::make_template<Healthy>("small_struct", "1.0.0", "Claims to be small.");
  entry.struct_size = 16;
  return &entry;
}

// Fault: the template lacks one of the functions that every template has.
#include "fault.hpp"

DREAM_DETAIL_NOTE(DREAM_DETAIL_NOTE_TEXT)
extern "C" __attribute__((visibility("default"))) const dream_template* dream_template_entry(void) {
  static dream_template entry =
      dream::detail::make_template<Healthy>("no_run_function", "1.0.0", "Has no run().");
  entry.run = nullptr;
  return &entry;
}

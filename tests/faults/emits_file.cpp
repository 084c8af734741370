// Healthy helper: its text as a file.
#include <fstream>

#include "fault.hpp"

namespace {

class EmitsFile {
 public:
  struct Inputs {
    std::string text;
  };
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::text, "text").doc("What is in the file").def("hello");
    s.output<dream::File>();
  }
  void run(const Inputs& in, dream::Run& run) {
    const std::string path = run.temp_folder() + "/text.txt";
    std::ofstream(path) << in.text;
    run.emit(dream::File{path});
  }
};

}  // namespace

DREAM_TEMPLATE(EmitsFile, "emits_file", "1.0.0", "Gives its text back as a file.")

// Healthy helper: the size of a file. It runs once at a time, as templates do that say nothing
// else.
#include <filesystem>

#include "fault.hpp"

namespace {

class ReadsFile {
 public:
  struct Inputs {
    dream::File file;
  };
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::file, "file").doc("A file");
    s.output<int>();
  }
  void run(const Inputs& in, dream::Run& run) {
    run.emit(static_cast<int>(std::filesystem::file_size(in.file.path)));
  }
};

}  // namespace

DREAM_TEMPLATE(ReadsFile, "reads_file", "1.0.0", "Tells the size of a file.")

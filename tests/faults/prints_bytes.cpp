// Healthy helper: its set-up prints every byte there is.
#include <cstdio>
#include <dream/template.hpp>

namespace {

class PrintsBytes {
 public:
  struct Inputs {};

  static void describe(dream::Schema<Inputs>& s) { s.output<std::string>(); }

  PrintsBytes() {
    std::fputs("bytes: ", stdout);
    for (int byte = 0; byte < 256; ++byte)
      if (byte != '\n' && byte != '\r') std::fputc(byte, stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
  }

  void run(const Inputs&, dream::Run& run) { run.emit("ready"); }
};

}  // namespace

DREAM_TEMPLATE(PrintsBytes, "prints_bytes", "1.0.0", "Prints what is no text.")

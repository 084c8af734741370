// Healthy helper: puts out files one after the other, and says how far it is.
#include <time.h>

#include <cstdio>
#include <dream/template.hpp>

namespace {

class Files {
 public:
  struct Inputs {
    int count;
    int bytes;
    int delay_ms;
    std::string name;
    int linger_ms;
  };

  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::count, "count").doc("How many files").def(3).ge(0).le(1000);
    s.in(&Inputs::bytes, "bytes").doc("Size of each").def(10).ge(0).le(100'000'000);
    s.in(&Inputs::delay_ms, "delay_ms").doc("Pause before each").def(0).ge(0).le(60000);
    s.in(&Inputs::name, "name").doc("Of each file; # becomes its number").def("file-#.txt");
    s.in(&Inputs::linger_ms, "linger_ms").doc("Pause at the end").def(0).ge(0).le(60000);
    s.output<dream::File>(dream::iterator);
    s.max_concurrency(4);
  }

  void run(const Inputs& in, dream::Run& run) {
    for (int i = 0; i < in.count; ++i) {
      pause_ms(in.delay_ms, run);
      const std::string digits = std::to_string(i);
      std::string name = in.name;
      if (const std::size_t at = name.find('#'); at != std::string::npos)
        name.replace(at, 1, digits);
      const std::string path = run.temp_folder() + "/part-" + digits;
      std::FILE* file = std::fopen(path.c_str(), "wb");
      if (file == nullptr) throw dream::Error("cannot write " + path);
      const std::string block(static_cast<std::size_t>(in.bytes), static_cast<char>('a' + i % 26));
      std::fwrite(block.data(), 1, block.size(), file);
      std::fclose(file);
      run.emit(dream::File{path}, name);
      run.progress(static_cast<uint64_t>(i) + 1, static_cast<uint64_t>(in.count));
    }
    pause_ms(in.linger_ms, run);
  }

 private:
  static void pause_ms(int left_ms, dream::Run& run) {
    for (; left_ms > 0; left_ms -= 10) {
      run.checkpoint();
      const timespec pause{0, 10 * 1000000L};
      nanosleep(&pause, nullptr);
    }
    run.checkpoint();
  }
};

}  // namespace

DREAM_TEMPLATE(Files, "file_series", "1.0.0", "Puts out files.")

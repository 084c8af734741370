// Healthy helper: an iterator of texts with a log line for each.
#include <time.h>

#include <dream/template.hpp>

namespace {

class Counter {
 public:
  struct Inputs {
    int count;
    int delay_ms;
    std::string prefix;
  };

  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::count, "count").doc("How many texts").def(3).ge(0).le(100000);
    s.in(&Inputs::delay_ms, "delay_ms").doc("Pause before each").def(0).ge(0).le(60000);
    s.in(&Inputs::prefix, "prefix").doc("Begins each text").def("item");
    s.output<std::string>(dream::iterator);
    s.max_concurrency(16);
  }

  void run(const Inputs& in, dream::Run& run) {
    for (int i = 0; i < in.count; ++i) {
      for (int left_ms = in.delay_ms; left_ms > 0; left_ms -= 10) {
        run.checkpoint();
        const timespec pause{0, (left_ms < 10 ? left_ms : 10) * 1000000L};
        nanosleep(&pause, nullptr);
      }
      run.checkpoint();
      const std::string item = in.prefix + "-" + std::to_string(i);
      run.info("counted " + item);
      run.emit(item);
      run.progress(static_cast<uint64_t>(i) + 1, static_cast<uint64_t>(in.count));
    }
    run.metric("counted", in.count);
  }
};

}  // namespace

DREAM_TEMPLATE(Counter, "counter", "1.0.0", "Counts, one text after the other.")

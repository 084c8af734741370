// Fault: writes 100 MB of logs.
#include "fault.hpp"

namespace {

class FloodsLogs : public Healthy {
 public:
  void run(const Inputs& in, dream::Run& run) {
    const std::string line(1000, 'x');
    for (int i = 0; i < 100000; ++i) {
      run.checkpoint();
      run.info(line);
    }
    run.emit(in.text);
  }
};

}  // namespace

DREAM_TEMPLATE(FloodsLogs, "floods_logs", "1.0.0", "Writes 100 MB of logs.")

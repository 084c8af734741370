// Healthy helper: records the metrics it is told to, each as "name mode type value", and gives back
// what each attempt came to.
#include <dream/template.hpp>
#include <sstream>

namespace {

dream::MetricMode mode_named(const std::string& name) {
  if (name == "increment") return dream::MetricMode::increment;
  if (name == "append") return dream::MetricMode::append;
  return dream::MetricMode::replace;
}

void record(dream::Run& run, const std::string& order) {
  std::istringstream words(order);
  std::string name, mode, type, value;
  words >> name >> mode >> type >> value;
  if (type == "delete") return run.remove_metric(name);
  const dream::MetricMode how = mode_named(mode);
  if (type == "int") return run.metric(name, static_cast<int64_t>(std::stoll(value)), how);
  if (type == "float") return run.metric(name, std::stod(value), how);
  if (type == "bool") return run.metric(name, value == "true", how);
  run.metric(name, value, how);
}

class Tally {
 public:
  struct Inputs {
    std::vector<std::string> orders;
  };
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::orders, "orders").doc("What to record: name mode type value").def({});
    s.output<std::string>(dream::list);
  }
  void run(const Inputs& in, dream::Run& run) {
    for (const auto& order : in.orders) {
      std::string outcome = "recorded";
      try {
        record(run, order);
      } catch (const dream::Error& error) {
        outcome = error.what();
      }
      run.emit(outcome);
    }
  }
};

}  // namespace

DREAM_TEMPLATE(Tally, "tally", "1.0.0", "Records metrics.")

// dream.metric/1 at the C line.
#include <array>

#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/run.hpp"
#include "host/worker/sdk_host/status.hpp"

namespace dream::worker {
namespace {

constexpr std::array<std::string_view, 3> mode_names = {"replace", "increment", "append"};

dream_status* record(dream_run* run, dream_str name, const dream_value* value,
                     uint32_t mode) noexcept {
  return guarded([&] {
    if (mode >= mode_names.size()) throw invalid("there is no metric mode " + std::to_string(mode));
    if (checked(value, "metric value").type == DREAM_SECRET)
      throw invalid("a secret cannot be a metric");
    checked(run, "run")
        .metric(view(name, "metric name"), to_json(value, "metric value"), mode_names[mode]);
  });
}

}  // namespace

const dream_metric_1& metric_interface() {
  static constexpr dream_metric_1 table = {sizeof(dream_metric_1), 0, record};
  return table;
}

}  // namespace dream::worker

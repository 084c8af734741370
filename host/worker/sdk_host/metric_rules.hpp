// Cog's rules for custom metrics, with Cog's own messages, checked where the template can still see
// the error.
#pragma once

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace dream::worker {

// Throws SdkError (DREAM_INVALID_INPUT) that says which rule the name breaks.
void check_metric_name(std::string_view name);

// The metrics of one run: a metric keeps the type of its first value until it is deleted.
class MetricTypes {
 public:
  // `mode`: "replace", "increment", "append". Throws SdkError; then nothing has changed.
  void record(const std::string& name, const nlohmann::json& value, std::string_view mode);

 private:
  std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> types_;
};

}  // namespace dream::worker

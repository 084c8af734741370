// One prediction inside the worker: the values of its inputs, and everything a template may send
// back while it runs. Any thread may call any function.
#pragma once

#include <dream/abi/run.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "host/worker/sdk_host/host_state.hpp"
#include "host/worker/sdk_host/metric_rules.hpp"
#include "host/worker/sdk_host/schema.hpp"
#include "host/worker/sdk_host/values.hpp"

namespace dream::worker {

struct RunRequest {
  std::string id;
  std::string template_name;
  nlohmann::json input;              // validated, defaults filled in
  std::filesystem::path output_dir;  // made for the first file if it is missing
  bool previews = false;             // somebody watches
  std::map<std::string, std::string, std::less<>> context = {};  // said beside the inputs
};

// Lets through what a person can follow: the first and the last step, each new label, and between
// them 20 steps a second.
class ProgressLimit {
 public:
  bool pass(std::uint64_t step, std::uint64_t steps, std::string_view label,
            std::chrono::steady_clock::time_point now);

 private:
  std::chrono::steady_clock::time_point last_{};
  std::string label_;
  bool first_ = true;
};

class RunState {
 public:
  // Throws SdkError (DREAM_INVALID_INPUT) for an input that is missing or not of its type.
  RunState(const TemplateSchema& schema, RunRequest request, Send send,
           const std::atomic<bool>& canceled);
  ~RunState();
  RunState(const RunState&) = delete;
  RunState& operator=(const RunState&) = delete;

  const RunRequest& request() const { return request_; }
  const TemplateSchema& schema() const { return schema_; }

  // Null if absent or null. Throws SdkError for a name that is not declared.
  const dream_value* input(std::string_view name) const;
  // The same as JSON: null if absent, null or not declared.
  const nlohmann::json& input_json(std::string_view name) const;
  // The same as a T; `otherwise` where there is no value.
  template <class T>
  T input_or(std::string_view name, T otherwise) const {
    const nlohmann::json& json = input_json(name);
    return json.is_null() ? std::move(otherwise) : json.get<T>();
  }

  // The functions of dream_run_1; each throws SdkError where that fails.
  void emit(const dream_value& value);
  void emit_file(const std::filesystem::path& file, std::string_view name);
  // Was this the reason why an output or a metric was refused? Then the template is at fault, not
  // the client's input.
  bool refused_template(const std::string& reason);
  bool canceled() const { return canceled_.load(std::memory_order_relaxed); }
  // elapsed_s: in place of the time since the run began, where that tells no speed.
  void progress(std::uint64_t step, std::uint64_t steps, std::string_view label,
                std::optional<double> elapsed_s = std::nullopt);
  // From here on the run may take this long to end after a cancel before its worker is ended.
  void allow_to_stop(std::chrono::seconds time) const;
  // What is being drawn: `image` is a data URL. Only where request().previews asks for it.
  void preview(int picture, int step, int steps, const std::string& image) const;
  const std::string& temp_folder();
  void log(std::string_view level, std::string_view message) const;
  // mode: "replace", "increment", "append"; a null value deletes.
  void metric(std::string_view name, const nlohmann::json& value, std::string_view mode);

 private:
  void bind_inputs();
  void emit_value(const dream_value& value);
  void publish_file(const std::filesystem::path& file, std::string_view name);
  void count_output();
  void make_output_dir();
  template <class Body>
  void hold_to_account(Body&& body);

  const TemplateSchema& schema_;
  RunRequest request_;
  Send send_;
  const std::atomic<bool>& canceled_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();

  ValueArena arena_;
  nlohmann::json resolved_ = nlohmann::json::object();
  std::map<std::string, const dream_value*, std::less<>> inputs_;

  std::mutex mutex_;  // what follows
  ProgressLimit progress_limit_;
  bool has_output_dir_ = false;
  std::string temp_folder_;
  std::size_t outputs_ = 0;
  MetricTypes metrics_;
  std::set<std::string> refusals_;
};

}  // namespace dream::worker

struct dream_run : dream::worker::RunState {
  using RunState::RunState;
};

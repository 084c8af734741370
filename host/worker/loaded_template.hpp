// A template at work in this process: its entry, its schema and its state. Every call into it goes
// through here and comes back as an exception or a value, whatever the template did.
#pragma once

#include <dream/abi/template.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/worker/sdk_host/host_state.hpp"
#include "host/worker/sdk_host/run.hpp"
#include "host/worker/sdk_host/schema.hpp"

namespace dream::worker {

class LoadedTemplate {
 public:
  // Loads and describes it. Throws std::runtime_error. `host` must outlive it.
  LoadedTemplate(HostState& host, const std::filesystem::path& path);

  const std::string& name() const { return name_; }
  // SCHEMA of protocol.hpp.
  const nlohmann::json& schema() const { return schema_json_; }

  // Calls create(). Throws SdkError with the template's reason.
  void create();
  enum class Entry { predict, train };
  // At most one output value, as far as the template has the entry.
  bool has_single_output(Entry entry) const;
  // One prediction or training; waits while as many runs as the template allows are under way.
  // Throws SdkError: DREAM_CANCELED when `canceled` is set, whatever the template says;
  // DREAM_UNSUPPORTED for a training if it has no trainer.
  void run(Entry entry, RunRequest request, const Send& send, const std::atomic<bool>& canceled);
  // Throws SdkError with the reason why the template cannot work any more.
  void healthcheck() const;
  // After the last run.
  void destroy() noexcept;

 private:
  class Turn;
  bool has_healthcheck() const;

  HostState& host_;
  const dream_template& entry_;
  std::string name_;
  TemplateSchema declared_;
  std::optional<TemplateSchema> declared_train_;
  nlohmann::json schema_json_;
  void* self_ = nullptr;
  bool created_ = false;

  std::mutex mutex_;  // the two below
  std::condition_variable run_ended_;
  std::uint32_t runs_ = 0;
};

}  // namespace dream::worker

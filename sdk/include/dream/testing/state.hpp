// What the fake host keeps: the record of a run, what is still alive, and how it shall behave. The
// fake interfaces beside this file read and write it.
#pragma once

#include <dream/abi/host.h>

#include <atomic>
#include <cstdint>
#include <dream/barrier.hpp>
#include <dream/testing/declared.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dream::testing {

struct Metric {
  std::string name;
  Value value;
  uint32_t mode;  // dream_metric_mode
};
struct OutputFile {
  std::string name, content;
};
struct LogLine {
  uint32_t level;  // dream_log_level
  std::string message;
};
struct Progress {
  uint64_t step, steps;
  std::string label;
};

// Everything a prediction did.
struct Recorded {
  std::vector<Value> outputs;  // in the order they were emitted; a file as file(its name)
  std::vector<OutputFile> files;
  std::vector<LogLine> logs;
  std::vector<Metric> metrics;
  std::vector<Progress> progress;
  int checkpoints = 0;  // how often it looked for a cancel

  const OutputFile* file(const std::string& name) const {  // null if there is none
    for (const OutputFile& each : files) {
      if (each.name == name) return &each;
    }
    return nullptr;
  }
};

// One step of the way; code is a dream_code, the message empty on success.
struct Outcome {
  int code = DREAM_OK;
  std::string message;
  explicit operator bool() const { return code == DREAM_OK; }
};

// A control that generate() was given; what is unset is the user's.
struct GeneratedControl {
  std::string network;
  uint32_t width, height;  // pixels of the map
  std::optional<double> scale, guidance_start, guidance_end;
  bool masked;
};

// What generate() was asked to set in place of the user's inputs.
struct Generated {
  std::optional<std::string> prompt, negative_prompt;
  std::vector<GeneratedControl> controls{};
};

// What a training was asked for, as far as the fake engine looks at it.
struct Trained {
  std::string instance_prompt, instance_data;
  uint32_t kind;  // dream_training_kind
  int64_t steps;
};

struct HostState {
  HostState() = default;
  HostState(const HostState&) = delete;
  HostState& operator=(const HostState&) = delete;

  // How the host shall behave.
  bool has_weights = true;     // false: generate() fails, as on a template without weights
  std::string engine_error;    // not empty: opening the engine fails with it
  std::string generate_error;  // not empty: generate() fails with it, as an invalid input
  std::string train_error;     // … and train()

  // What was seen so far.
  std::vector<Generated> generated;
  std::vector<Trained> trained;
  std::vector<LogLine> server_log;
  std::map<std::string, int> queries;  // how often each interface was asked for

  // Made and not yet freed: 0 at the end, unless somebody leaks.
  std::atomic<int> live_statuses = 0, live_images = 0, live_tensors = 0, engines_open = 0,
                   annotators_open = 0, loops_open = 0, trainers_open = 0;

  std::mutex mutex;              // of all records
  std::set<std::string> hidden;  // interfaces this host does not have
};

// The host as the template sees it; the interfaces find their state through it.
struct FakeHandle : dream_host {
  HostState* state = nullptr;
};
inline HostState& state_of(const dream_host* host) {
  return *static_cast<const FakeHandle*>(host)->state;
}

}  // namespace dream::testing

struct dream_status {
  dream::testing::HostState* host;
  int32_t code;
  std::string message;
};

namespace dream::testing {

inline dream_status* make_status(HostState& host, int32_t code, std::string message) {
  ++host.live_statuses;
  return new dream_status{&host, code, std::move(message)};
}

// Runs a fake function's body; what it throws becomes the status it returns.
template <class Body>
dream_status* guarded(HostState& host, Body&& body) noexcept {
  try {
    std::forward<Body>(body)();
    return nullptr;
  } catch (const Canceled&) {
    return make_status(host, DREAM_CANCELED, "canceled");
  } catch (const Error& error) {
    return make_status(host, error.code(), error.what());
  } catch (const std::exception& error) {
    return make_status(host, DREAM_INTERNAL, error.what());
  }
}

// Hands a status that the fake host itself made on to the caller's caller.
inline void pass_on(dream_status* status) {
  if (status == nullptr) return;
  const dream_status copy = *status;
  --status->host->live_statuses;
  delete status;
  if (copy.code == DREAM_CANCELED) throw Canceled();
  if (copy.code == DREAM_INVALID_INPUT) throw InvalidInput(copy.message);
  if (copy.code == DREAM_UNSUPPORTED) throw Unsupported(copy.message);
  throw Error(copy.message);
}

struct StatusFunctions {
  static dream_status* create(const dream_host* host, int32_t code, dream_str message) {
    return make_status(state_of(host), code, std::string(dream::detail::view(message)));
  }
  static int32_t code(const dream_status* status) { return status->code; }
  static dream_str message(const dream_status* status) {
    return dream::detail::view(std::string_view(status->message));
  }
  static void destroy(dream_status* status) {
    if (status == nullptr) return;
    --status->host->live_statuses;
    delete status;
  }
};

}  // namespace dream::testing

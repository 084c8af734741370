// One prediction: the single state machine of the host. Every change goes through a mutator, every
// mutator emits one event, and all that is outside (sync reply, webhooks, progress bar) observes
// and renders the same snapshot.
//
// Not thread-safe: lives on the host's one io_context thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dream::host {

enum class Status { starting, processing, succeeded, failed, canceled };

std::string_view to_string(Status status);
bool is_terminal(Status status);

// One item of the output: a JSON value, or a file that lies in the prediction's folder.
struct OutputItem {
  nlohmann::json value;        // used when path is empty
  std::filesystem::path path;  // absolute
  std::string name;            // file name for users, e.g. "seed-7.png"
  std::string media_type;      // "image/png"
};

struct Progress {
  std::uint64_t step = 0;
  std::uint64_t steps = 0;
  double elapsed_s = 0;
  std::string label;
};

using Clock = std::chrono::system_clock;

// All there is to know about a prediction. Observers read it, the Prediction alone writes it.
struct Snapshot {
  std::string id;
  std::string template_name;
  std::string entry = "predict";  // or "train"
  Status status = Status::starting;
  nlohmann::json input = nlohmann::json::object();  // as the client sent it, secrets masked
  std::vector<OutputItem> output;
  bool output_is_list = false;  // list, iterator, concatenate
  std::string logs;
  std::string error;
  bool bad_input = false;  // failed because of a value the client chose
  nlohmann::json metrics = nlohmann::json::object();
  Progress progress;
  Clock::time_point created_at;
  std::optional<Clock::time_point> started_at;
  std::optional<Clock::time_point> completed_at;
};

struct PredictionEvent {
  enum class Kind { start, output, log, metric, progress, completed };
  Kind kind;
  std::string_view text;               // log, progress: the lines that were added to the logs
  const OutputItem* output = nullptr;  // output: the new item
};

class Prediction {
 public:
  using Observer = std::function<void(const Snapshot&, const PredictionEvent&)>;

  // `folder` is this prediction's own directory (inputs, outputs); removed with the Prediction.
  Prediction(Snapshot initial, std::filesystem::path folder);
  ~Prediction();
  Prediction(const Prediction&) = delete;
  Prediction& operator=(const Prediction&) = delete;

  const Snapshot& snapshot() const { return snapshot_; }
  const std::filesystem::path& folder() const { return folder_; }
  void observe(Observer observer) { observers_.push_back(std::move(observer)); }
  // These texts will not appear in logs, progress labels or the error, whoever writes them there.
  void conceal(std::vector<std::string> secrets) { secrets_ = std::move(secrets); }

  // Mutators. After a terminal state all of them do nothing. The terminal ones put `predict_time`
  // (seconds since start) into the metrics.
  void start();                     // starting → processing
  void log(std::string_view text);  // whole lines
  void output(OutputItem item);
  void progress(Progress progress);  // also appends a tqdm-like line to the logs
  void metric(std::string_view name, const nlohmann::json& value, std::string_view mode);
  void succeed();
  void fail(const std::string& error, bool bad_input = false);
  void cancel();

 private:
  void finish(Status status, const std::string& error);
  std::string append_log(std::string_view text);  // not empty; result: what was added
  void emit(const PredictionEvent& event);

  Snapshot snapshot_;
  std::filesystem::path folder_;
  std::vector<Observer> observers_;
  std::vector<std::string> secrets_;
  bool logs_full_ = false;
};

}  // namespace dream::host

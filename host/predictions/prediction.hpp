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
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/predictions/output_queue.hpp"

namespace dream::host {

enum class Status { starting, processing, succeeded, failed, canceled };

std::string_view to_string(Status status);
bool is_terminal(Status status);

// How a prediction ends.
struct Outcome {
  Status status = Status::failed;  // a terminal one
  std::string error = {};          // of a failed one
  bool bad_input = false;          // it failed because of a value the client chose
  bool worker_died = false;        // it failed with its process
};

struct Progress {
  std::uint64_t step = 0;
  std::uint64_t steps = 0;
  double elapsed_s = 0;
  std::string label;
};

// Which of a program's two outputs a line counts to.
enum class LogSource { standard_output, standard_error };

struct MetricChange {
  std::string name;
  nlohmann::json value;
  std::string mode;  // "replace", "increment" or "append"
};

// An approximate small picture of what is being drawn, for those who watch.
struct Preview {
  std::uint64_t picture = 0;  // of this prediction, from 0
  std::uint64_t step = 0;     // of this picture
  std::uint64_t steps = 0;
  std::string image;  // a data URL
};

// Seconds that a prediction spent around its run; unset for a stage it did not have.
struct StageTimes {
  std::optional<double> download_s;  // its input files were fetched
  std::optional<double> queue_s;     // it waited for a slot
  std::optional<double> upload_s;    // the run was over, its files were still on their way
};

using Clock = std::chrono::system_clock;

// All there is to know about a prediction. Observers read it, the Prediction alone writes it.
struct Snapshot {
  std::string id;
  std::string template_name;
  std::string entry = "predict";  // or "train"
  Status status = Status::starting;
  nlohmann::json input = nlohmann::json::object();  // as the client sent it, secrets masked
  std::map<std::string, std::string> context = {};  // for the template; not shown to anybody
  std::vector<OutputItem> output;
  bool output_is_list = false;  // list, iterator, concatenate
  std::string logs;
  std::string error;
  bool bad_input = false;    // failed because of a value the client chose
  bool worker_died = false;  // failed with its process
  nlohmann::json metrics = nlohmann::json::object();
  Progress progress;
  bool previews = false;  // somebody wants to see it being drawn
  int worker = 0;         // process that runs it; 0: none has
  Clock::time_point created_at;
  std::optional<Clock::time_point> started_at;
  std::optional<Clock::time_point> completed_at;
  StageTimes stages;
};

struct PredictionEvent {
  enum class Kind { start, output, log, metric, progress, preview, completed };
  Kind kind;
  std::string_view text;                 // log, progress: the lines that were added to the logs
  const OutputItem* output = nullptr;    // output: the new item
  LogSource source = LogSource::standard_output;  // log
  const MetricChange* metric = nullptr;  // metric
  const Preview* preview = nullptr;      // preview
};

class Prediction {
 public:
  using Observer = std::function<void(const Snapshot&, const PredictionEvent&)>;

  // `folder` is where files of this prediction go (inputs, outputs). Whoever has the first one
  // makes it (make_private_folder); whatever is there goes with the Prediction.
  Prediction(Snapshot initial, std::filesystem::path folder);
  ~Prediction();
  Prediction(const Prediction&) = delete;
  Prediction& operator=(const Prediction&) = delete;

  const Snapshot& snapshot() const { return snapshot_; }
  const std::filesystem::path& folder() const { return folder_; }
  void observe(Observer observer) { observers_.push_back(std::move(observer)); }
  // These texts will not appear in logs, progress labels or the error, whoever writes them there.
  void conceal(std::vector<std::string> secrets) { secrets_ = std::move(secrets); }
  // Files of the output are shown by the URL that `publish` gives them, in their order, and success
  // waits for it. `abort` runs when that fails, so that the run may end: then the prediction fails.
  void publish_files(PublishFile publish, std::function<void()> abort);
  // The run has succeeded, files are still on their way.
  bool is_publishing() const { return held_; }

  // Mutators. After a terminal state all of them do nothing. The terminal ones put `predict_time`
  // (seconds since start) into the metrics.
  void start(int worker = 0);       // starting → processing
  void log(std::string_view text, LogSource source = LogSource::standard_output);  // whole lines
  void output(OutputItem item);
  void progress(Progress progress);  // also appends a tqdm-like line to the logs
  void metric(std::string_view name, const nlohmann::json& value, std::string_view mode);
  void preview(const Preview& preview);  // shown, not kept
  void succeed();
  void fail(const std::string& error, bool bad_input = false);
  void cancel();
  void end(const Outcome& outcome);  // one of the three above
  // How long a stage took; emits nothing.
  void took(std::optional<double> StageTimes::*stage, double seconds);
  // So many lines of the logs did not get here; the logs say so at the end.
  void drop_logs(std::uint64_t lines);

 private:
  void finish(Status status, const std::string& error);
  std::string append_log(std::string_view text);  // not empty; result: what was added
  void emit(const PredictionEvent& event);
  void show(OutputItem item);

  Snapshot snapshot_;
  std::filesystem::path folder_;
  std::vector<Observer> observers_;
  std::vector<std::string> secrets_;
  bool logs_full_ = false;
  std::unique_ptr<OutputQueue> outbox_;  // null: files are shown as they are
  std::string publish_error_;
  bool held_ = false;
  std::optional<Clock::time_point> held_since_;
  std::uint64_t dropped_lines_ = 0;
  std::size_t metric_bytes_ = 0;
};

}  // namespace dream::host

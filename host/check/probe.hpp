// One worker process under observation: loads the template under check, runs it, and says how each
// of that ended. Nothing the template does reaches further than this process, and nothing takes
// longer than its limit.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/workers/worker_pool.hpp"
#include "host/workers/worker_process.hpp"

namespace dream::host::check {

using Milliseconds = std::chrono::milliseconds;

// What all probes share.
struct Bench {
  boost::asio::io_context& io;
  std::function<void(const std::function<bool()>& done)> wait;  // turns the loop until done()
  WorkerOptions worker;          // program, weights, models, device, dtype, threads
  std::filesystem::path file;    // the template
  std::filesystem::path folder;  // for files; exists
  Milliseconds limit{30'000};    // of a set-up, and of a run
};

// How a run ended.
struct Outcome {
  // finished: with a `done`. died: the worker ended meanwhile. hung: it had to be killed.
  enum class How { finished, died, hung };
  How how = How::finished;
  std::string status;  // of `done`
  std::string error;   // of `done`, or how the worker ended
  bool bad_input = false;
  std::vector<nlohmann::json> outputs;  // the messages
  double time_ms = 0;
  std::optional<double> cancel_ms;  // from the cancel to the end, if one was sent
  std::size_t printed_bytes = 0;    // logs and raw output of the whole worker meanwhile

  bool succeeded() const { return how == How::finished && status == "succeeded"; }
};

class Probe {
 public:
  Probe(Bench& bench, int slots);
  ~Probe();

  // Loads the template once for each of `names`; with `setup` false it is only described. Result:
  // empty, or why that failed.
  std::string set_up(const std::vector<std::string>& names, bool setup = true);
  const std::vector<nlohmann::json>& schemas() const { return schemas_; }

  // One prediction on slot 0. With `cancel_after` it is canceled then, if it still runs. A run that
  // neither ends within the limit nor heeds a cancel is killed with its worker.
  Outcome run(const std::string& name, const nlohmann::json& input,
              std::optional<Milliseconds> cancel_after = {});
  // One prediction per slot, all at once.
  std::vector<Outcome> run_at_once(const std::string& name,
                                   const std::vector<nlohmann::json>& inputs);

  // Asks the worker to end. Result: empty if it did so with code 0 and without an error in its log,
  // else what happened.
  std::string shut_down();

  bool alive() const { return !ended_; }
  pid_t pid() const { return process_->pid(); }

 private:
  struct Run {
    std::string id;
    Outcome outcome;
    std::chrono::steady_clock::time_point started;
    std::chrono::steady_clock::time_point canceled;
    bool done = false;
  };

  void on_control(const nlohmann::json& message);
  void on_slot(int slot, const nlohmann::json& message);
  void begin(int slot, const std::string& name, const nlohmann::json& input);
  void cancel(int slot);
  bool runs_over() const;
  bool wait(Milliseconds limit, const std::function<bool()>& done);  // false: out of time
  void kill(const std::string& why);

  Bench& bench_;
  std::vector<Run> runs_;
  std::vector<nlohmann::json> schemas_;
  bool ready_ = false;
  bool ended_ = false;
  std::string end_;           // how the process ended
  std::string setup_error_;   // setup_failed
  std::string logged_error_;  // the last log message of level error
  std::size_t printed_bytes_ = 0;
  std::unique_ptr<WorkerProcess> process_;
};

}  // namespace dream::host::check

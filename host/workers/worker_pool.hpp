// Worker processes and their slots: spawns dream-worker, sends predictions to free slots, turns
// messages into Prediction mutations, and respawns a worker that died (with back-off; DEFUNCT once
// the retries are spent). Lives on the host's one io_context thread.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/predictions/prediction.hpp"
#include "host/workers/sandbox.hpp"
#include "host/workers/slot.hpp"

namespace dream::host {

struct WorkerOptions {
  std::filesystem::path program;  // dream-worker
  struct Template {
    std::string name;
    std::filesystem::path path;
  };
  std::vector<Template> templates;
  std::string weights = "none";  // folder, or "none"
  std::filesystem::path models;  // model store
  std::filesystem::path trainings;  // where trainers keep their checkpoints; empty: nowhere
  std::string device = "auto";
  std::string dtype = "auto";
  int threads = 0;
  std::int64_t memory_budget = 0;  // bytes the engine of each process may keep; 0: no limit
  bool request_weights = false;    // requests may name the weights they want
  int slots = 1;
  bool slot_isolation = false;  // one process per slot instead of one for all
  bool setup = true;            // false: describe the templates only, nothing is loaded
  int max_respawns = 5;         // in a row, without a READY between them lasting `steady_after`
  std::chrono::milliseconds respawn_delay{
      250};  // before the first respawn, then doubled up to 30 s
  std::chrono::milliseconds steady_after{60'000};
  std::chrono::milliseconds setup_limit{0};  // a set-up that takes longer has failed; 0: no limit
  std::chrono::milliseconds watchdog_limit{60'000};  // a process silent so long is killed; 0: never
  std::chrono::milliseconds cancel_limit{10'000};  // a run that ignores its cancel longer is killed
  OutputLimits output_limits;
  Sandbox sandbox;
  std::filesystem::path scratch;  // for temporary files of the processes; empty: the system's
};

enum class Health { starting, ready, busy, setup_failed, unhealthy, defunct };
std::string_view to_string(Health health);  // "STARTING", …

// Of the set-up that ran last; a respawn after which no worker is left starts a new one.
struct SetupReport {
  Clock::time_point started_at;
  std::optional<Clock::time_point> completed_at;
  std::string status = "starting";  // starting, succeeded, failed
  std::string logs;  // all the worker logged and printed meanwhile, then what went wrong
};

class WorkerPool {
 public:
  WorkerPool(boost::asio::io_context& io, WorkerOptions options);
  // Kills the workers. Predictions still running get no terminal event. Not from a callback of
  // ours.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void start();
  // Before start(): weights that were not there when the pool was made.
  void set_weights(const std::string& weights);
  // Instead of start(): the set-up fails because of what went wrong before it.
  void refuse_setup(const std::string& why);
  // Tells the workers to end, kills them after `limit`; `done` runs once they are gone. What still
  // ran then has failed.
  void shutdown(std::chrono::milliseconds limit, std::function<void()> done);

  Health health() const;
  const SetupReport& setup() const;
  // SCHEMA objects of protocol.hpp, empty until ready.
  const std::vector<nlohmann::json>& schemas() const;
  // Runs once when the state first leaves `starting` (ready, setup_failed, defunct); soon, if it
  // has.
  void on_settled(std::function<void()> callback);

  // Gives the prediction to a free slot and starts it; false if none is free for its template. The
  // pool drives it to a terminal state whatever happens to the worker; the slot is free before the
  // terminal event is emitted, which never happens before run() returns.
  // Throws std::length_error for an input that is too long for a message.
  bool run(std::shared_ptr<Prediction> prediction, const nlohmann::json& resolved_input);
  // Whether run() would find a slot.
  bool can_run(const std::string& template_name) const;
  // Asks the run to stop; it ends with `outcome`, at the latest when its worker is ended for
  // ignoring that, unless it came to another end before.
  void cancel(const Prediction& prediction, const Outcome& outcome = {Status::canceled});

  // How many can run at a time in the processes that are ready: of all templates, of one.
  std::size_t capacity() const;
  std::size_t capacity(const std::string& template_name) const;
  // `callback` runs, soon, whenever a prediction that was refused a slot may find one, and when the
  // health changes. One at a time; null for none.
  void on_room(std::function<void()> callback);
  // How many processes were started in the place of one that died.
  std::uint64_t respawns() const;
  // Of the worker processes, in an order that stays; 0 where one is missing.
  std::vector<pid_t> process_ids() const;

  // One control message and its answer: "inspect", "engine_info", "healthcheck", "residents". An
  // answer with
  // "error" comes also if no worker is ready or it died meanwhile. `done` never runs before
  // request() returns.
  void request(nlohmann::json message, std::function<void(nlohmann::json answer)> done);
  // The same to every process that is ready. The answers come in the order of process_ids(); one
  // that is not ready, or dies meanwhile, answers with "error".
  void request_all(const nlohmann::json& message,
                   std::function<void(std::vector<nlohmann::json> answers)> done);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dream::host

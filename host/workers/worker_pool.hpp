// Worker processes and their slots: spawns dream-worker, sends predictions to free slots, turns
// messages into Prediction mutations, and respawns a worker that died (with back-off; DEFUNCT once
// the retries are spent). Lives on the host's one io_context thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/predictions/prediction.hpp"

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
  std::string device = "auto";
  std::string dtype = "auto";
  int threads = 0;
  int slots = 1;
  bool slot_isolation = false;  // one process per slot instead of one for all
  int max_respawns = 5;         // in a row, without a READY between them lasting a minute
};

enum class Health { starting, ready, busy, setup_failed, unhealthy, defunct };
std::string_view to_string(Health health);  // "STARTING", …

struct SetupReport {
  Clock::time_point started_at;
  std::optional<Clock::time_point> completed_at;
  std::string status = "starting";  // starting, succeeded, failed
  std::string logs;
};

class WorkerPool {
 public:
  WorkerPool(boost::asio::io_context& io, WorkerOptions options);
  ~WorkerPool();

  void start();
  // Tells the workers to end, kills them after `limit`; `done` runs once they are gone.
  void shutdown(std::chrono::milliseconds limit, std::function<void()> done);

  Health health() const;
  const SetupReport& setup() const;
  // SCHEMA objects of protocol.hpp, empty until ready.
  const std::vector<nlohmann::json>& schemas() const;
  // Runs once when the state first leaves `starting` (ready, setup_failed, defunct).
  void on_settled(std::function<void()> callback);

  // Gives the prediction to a free slot; false if none is free. The pool drives it to a terminal
  // state whatever happens to the worker; the slot is free before the terminal event is emitted.
  bool run(std::shared_ptr<Prediction> prediction, const nlohmann::json& resolved_input);
  void cancel(const Prediction& prediction);

  // One control message and its answer ("inspect", "engine_info", …) for jobs of the command line.
  void request(nlohmann::json message, std::function<void(nlohmann::json answer)> done);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dream::host

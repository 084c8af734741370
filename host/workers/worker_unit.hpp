// One place of the pool: a worker process with its slots, replaced by a fresh process when it dies,
// until the retries are spent. All the rules of a worker's life are here.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "host/workers/line_limit.hpp"
#include "host/workers/slot.hpp"
#include "host/workers/watchdog.hpp"
#include "host/workers/worker_pool.hpp"
#include "host/workers/worker_process.hpp"

namespace dream::host {

class WorkerUnit {
 public:
  enum class State { starting, ready, waiting, setup_failed, defunct, stopped };

  struct Events {
    std::function<void()> changed;  // state() is another one
    std::function<void()> room;     // a slot may be free that was not
    std::function<void()> respawned;
    std::function<void(std::string_view lines)> setup_log;
    std::function<void(const std::vector<nlohmann::json>& schemas)> ready;
  };

  WorkerUnit(boost::asio::io_context& io, const WorkerOptions& options, int slots, Events events);

  State state() const { return state_; }
  pid_t process_id() const { return process_id_; }  // 0: there is none
  void start();
  void stop();  // asks the process to end
  void kill(const std::string& why);

  // Whether a slot is free for a template of which `max_concurrency` may run here (0: any number).
  bool can_run(std::string_view template_name, int max_concurrency) const;
  void run(std::shared_ptr<Prediction> prediction, const nlohmann::json& resolved_input);
  bool cancel(const Prediction& prediction, const Outcome& outcome);  // false: not running here
  // How many of one template can run here at a time now (`max_concurrency` 0: any number); none in
  // a process that is not ready.
  std::size_t capacity(int max_concurrency) const;
  void request(nlohmann::json message, std::function<void(nlohmann::json)> done);

 private:
  struct Request {
    std::string answer_type;
    std::function<void(nlohmann::json)> done;
  };

  void spawn();
  nlohmann::json init_message() const;
  void on_control(const nlohmann::json& message);
  void on_slot(int slot, const nlohmann::json& message);
  void on_output(std::string_view line, bool is_stderr);
  void log_worker_line(std::string_view level, std::string_view line);
  void on_exit(const std::string& reason);
  void on_ready(const nlohmann::json& message);
  void on_setup_failed(const nlohmann::json& message);
  void on_log(const nlohmann::json& message);
  void on_answer(const std::string& type, const nlohmann::json& message);
  void cancel_slot(int index, const Outcome& outcome);
  void settle(Slot& slot);
  std::vector<Slot::Ended> empty_slots(const std::string& error);
  void plan_respawn();
  void limit_setup();
  void after(std::chrono::milliseconds delay, std::function<void()> action);
  void set_state(State state);

  const WorkerOptions& options_;
  boost::asio::io_context& io_;
  Events events_;
  State state_ = State::starting;
  std::unique_ptr<WorkerProcess> process_;
  pid_t process_id_ = 0;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::deque<Request> requests_;
  boost::asio::steady_timer timer_;  // of the next spawn, or of an exit that is due
  boost::asio::steady_timer setup_timer_;
  Watchdog watchdog_;
  LineLimit server_log_;
  std::chrono::steady_clock::time_point ready_since_;
  int respawns_ = 0;
  bool was_ready_ = false;
  bool setup_refused_ = false;  // this process has reported setup_failed
  bool planned_end_ = false;    // we end this process ourselves: no retry is spent
  bool stopping_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // expires with us: guards late timers
};

}  // namespace dream::host

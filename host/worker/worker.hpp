// The worker process: reads the control channel, runs predictions on one thread per slot. What
// takes long on the control channel (set-up, health checks) has a thread of its own, so that a
// cancel is never kept waiting.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "host/worker/cancels.hpp"
#include "host/worker/loaded_template.hpp"
#include "host/worker/sdk_host/host_state.hpp"
#include "host/workers/frame.hpp"

namespace dream::worker {

// Runs jobs one after the other on a thread of its own.
class Errands {
 public:
  Errands();
  ~Errands();  // after the job that runs now; those behind it are dropped
  void add(std::function<void()> job);

 private:
  void work();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stop_ = false;
  std::thread thread_;
};

class Worker {
 public:
  // Takes the descriptors over.
  Worker(int control_fd, const std::vector<int>& slot_fds);

  // Serves until the host says shutdown (returns 0) or closes the control channel (ends the process
  // at once).
  int serve();

 private:
  void handle(const nlohmann::json& message);
  void init(const nlohmann::json& message);
  void load_templates(const nlohmann::json& message, bool setup);
  void healthcheck(const std::string& name);
  void engine_info();
  void bench(const nlohmann::json& message);
  void residents();
  void fail_setup(const std::string& name, const std::string& error);
  LoadedTemplate* find(const std::string& name);

  void serve_slot(int slot);
  nlohmann::json run_prediction(int slot, const nlohmann::json& message);
  void run_template(int slot, const nlohmann::json& message, const std::atomic<bool>& canceled);
  void reap_if_unused();
  void stop();

  host::BlockingChannel control_;
  std::vector<int> slot_fds_;
  std::vector<std::unique_ptr<host::BlockingChannel>> slots_;
  HostState host_;
  Cancels cancels_;
  std::mutex templates_mutex_;  // of the two below; the templates themselves stay where they are
  std::vector<std::unique_ptr<LoadedTemplate>> templates_;
  std::map<std::string, LoadedTemplate*> aliases_;  // the names init gave them
  Errands errands_;
  std::vector<std::thread> slot_threads_;
  std::mutex runs_mutex_;  // of what follows
  int runs_ = 0;
};

}  // namespace dream::worker

// Runs the steps of trainings and has webhooks delivered, on threads of its own. The tables are the
// truth: this may end at any point, and another, or the next one, goes on.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/platform/step_context.hpp"
#include "host/platform/webhook_delivery.hpp"

namespace dream::host {

class StepEngine {
 public:
  // `keys` sign webhooks.
  StepEngine(PlatformCore& core, SigningKeys keys);
  ~StepEngine();  // as stop()

  void start();
  // Lets go of what runs, so that others can take it at once, and waits for the threads.
  void stop();
  // There is something new to look at: no need to wait for the next look.
  void wake();

 private:
  void run_steps(const std::vector<std::string>& names);
  void run_step(const Step& step);
  void end_step(StepContext& context, const std::string& error, bool final);
  void keep_leases();
  // True until stop() was called; sleeps up to `time`, or to the next wake().
  bool wait(std::chrono::milliseconds time);
  // Logs what `work` throws, and waits a moment then: the database may be away.
  void guarded(const char* what, const std::function<void()>& work);

  PlatformCore& core_;
  WebhookDelivery webhooks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::uint64_t wakes_ = 0;
  std::map<std::pair<std::string, std::int64_t>, std::shared_ptr<StepFlags>> running_;
  std::vector<std::thread> threads_;
};

}  // namespace dream::host

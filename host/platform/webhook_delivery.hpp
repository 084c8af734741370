// Delivers webhooks from the outbox, on threads of its own: each receiver for itself, so that one
// that hangs delays no other. A receiver gets one at a time until it answers quickly; those that do
// not may hold half of the threads together.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "host/platform/platform_core.hpp"
#include "host/webhooks/signature.hpp"

namespace dream::host {

class WebhookDelivery {
 public:
  // `keys` sign webhooks.
  WebhookDelivery(PlatformCore& core, SigningKeys keys);
  ~WebhookDelivery();  // as stop()

  void start();
  // Breaks off what is under way, which is delivered later, and waits for the threads.
  void stop();
  // There may be one to deliver: no need to wait for the next look.
  void wake();
  // Ids of those whose leases are to be kept.
  std::vector<std::string> under_way();

 private:
  using Clock = std::chrono::steady_clock;
  enum class Pace { unknown, quick, slow };
  struct Receiver {
    int running = 0;
    Pace pace = Pace::unknown;  // of its last answer
    Clock::time_point seen{};
  };

  void hand_out();
  void work();
  void deliver(const Delivery& delivery);
  std::string signature(const Delivery& delivery, std::chrono::seconds now);
  std::vector<std::string> full_receivers();

  PlatformCore& core_;
  SigningKeys keys_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> ending_ = false;
  std::uint64_t wakes_ = 0;
  std::set<std::string> running_;  // ids of those handed out and not done
  std::deque<Delivery> waiting_;
  std::map<std::string, Receiver> receivers_;
  std::vector<std::thread> threads_;
};

}  // namespace dream::host

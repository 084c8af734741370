// Removes what has had its time, again and again, on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "host/platform/platform_core.hpp"

namespace dream::host {

class Collector {
 public:
  explicit Collector(PlatformCore& core) : core_(core) {}
  ~Collector();  // as stop()

  void start();
  // Ends behind what is being removed, and waits for that.
  void stop();

 private:
  void collect();
  bool goes_on();
  // False once it is to end.
  bool wait(std::chrono::milliseconds time);

  PlatformCore& core_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

// Between two rounds: a tenth of the shortest time that things are kept, from a second to a minute.
std::chrono::milliseconds pause_between_rounds(const KeepTimes& keep);

}  // namespace dream::host

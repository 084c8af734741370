// A time limit that is set several times a request and seldom runs out: moving it is an assignment.
// The one timer behind it is set anew only when it has fired, or when the limit comes nearer.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace dream::host {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  // `on_expiry` runs on the executor's thread, each time a limit has run out.
  Deadline(const boost::asio::any_io_executor& executor, std::function<void()> on_expiry);
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void set(Clock::duration after) { set_at(Clock::now() + after); }
  void set_at(Clock::time_point limit);
  void clear() { limit_ = Clock::time_point::max(); }
  // The limit that was set last has run out.
  bool expired() const { return expired_; }

 private:
  void arm();
  void on_timer();

  boost::asio::steady_timer timer_;
  std::function<void()> on_expiry_;
  Clock::time_point limit_ = Clock::time_point::max();
  Clock::time_point wakes_ = Clock::time_point::max();  // the timer; max: it is not set
  bool expired_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // expires with us: guards a late handler
};

}  // namespace dream::host

// Notices a worker that hangs as a whole: it is asked now and then, and must answer in time. Its
// control thread answers even while a template runs, so only a process that is stopped, stuck in
// the kernel or broken stays silent.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace dream::host {

class Watchdog {
 public:
  // `ask` sends the question; `give_up` runs once no answer has come for `limit`. A limit of 0
  // never asks. Neither is called after stop() or from the constructor.
  Watchdog(boost::asio::io_context& io, std::chrono::milliseconds limit, std::function<void()> ask,
           std::function<void()> give_up);

  void start();
  void answered() { silent_ = 0; }
  void stop();

 private:
  // Silence is counted in turns of our own loop, not by the clock: a host that was itself stopped
  // for long finds the answer waiting.
  static constexpr int turns = 4;

  void turn();

  boost::asio::steady_timer timer_;
  std::chrono::milliseconds interval_;
  std::function<void()> ask_;
  std::function<void()> give_up_;
  int silent_ = 0;
  std::shared_ptr<int> run_;  // expires with stop() and with us: guards a late turn
};

}  // namespace dream::host

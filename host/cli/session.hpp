// The event loop of one command, with Ctrl-C as an event in it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>

namespace dream::host {

class Session {
 public:
  Session();

  boost::asio::io_context& io() { return io_; }

  // Turns the loop until `done` holds. SIGINT and SIGTERM throw Interrupted out of it, but for the
  // first one while `on_interrupt` is set: that calls it.
  void run_until(const std::function<bool()>& done, std::function<void()> on_interrupt = nullptr);

 private:
  void await_signal();

  boost::asio::io_context io_;
  boost::asio::signal_set signals_;
  int interrupts_ = 0;
};

}  // namespace dream::host

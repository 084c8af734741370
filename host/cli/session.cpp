#include "host/cli/session.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <csignal>
#include <utility>

#include "host/cli/errors.hpp"

namespace dream::host {

Session::Session() : signals_(io_, SIGINT, SIGTERM) {
  await_signal();
}

void Session::await_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    ++interrupts_;
    await_signal();
  });
}

void Session::run_until(const std::function<bool()>& done, std::function<void()> on_interrupt) {
  const auto keep_running = boost::asio::make_work_guard(io_);
  int handled = 0;
  while (!done()) {
    io_.run_one();
    if (interrupts_ == handled) continue;
    handled = interrupts_;
    const auto action = std::exchange(on_interrupt, nullptr);
    if (!action) throw Interrupted();
    action();
  }
}

}  // namespace dream::host

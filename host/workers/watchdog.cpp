#include "host/workers/watchdog.hpp"

#include <utility>

namespace dream::host {

Watchdog::Watchdog(boost::asio::io_context& io, std::chrono::milliseconds limit,
                   std::function<void()> ask, std::function<void()> give_up)
    : timer_(io), interval_(limit / turns), ask_(std::move(ask)), give_up_(std::move(give_up)) {}

void Watchdog::start() {
  silent_ = 0;
  run_ = std::make_shared<int>();
  if (interval_.count() > 0) turn();
}

void Watchdog::stop() {
  run_.reset();
  timer_.cancel();
}

void Watchdog::turn() {
  if (silent_ >= turns) return give_up_();
  if (silent_++ == 0) ask_();
  timer_.expires_after(interval_);
  timer_.async_wait([this, run = std::weak_ptr(run_)](const auto& error) {
    if (!error && !run.expired()) turn();
  });
}

}  // namespace dream::host

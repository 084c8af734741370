#include "host/http/deadline.hpp"

#include <utility>

namespace dream::host {

Deadline::Deadline(const boost::asio::any_io_executor& executor, std::function<void()> on_expiry)
    : timer_(executor), on_expiry_(std::move(on_expiry)) {}

void Deadline::set_at(Clock::time_point limit) {
  limit_ = limit;
  expired_ = false;
  if (limit_ < wakes_) arm();
}

void Deadline::arm() {
  wakes_ = limit_;
  timer_.expires_at(wakes_);
  timer_.async_wait([this, guard = std::weak_ptr(alive_)](const auto& error) {
    if (!error && !guard.expired()) on_timer();
  });
}

void Deadline::on_timer() {
  wakes_ = Clock::time_point::max();
  if (limit_ == Clock::time_point::max()) return;
  if (Clock::now() < limit_) return arm();
  clear();
  expired_ = true;
  on_expiry_();
}

}  // namespace dream::host

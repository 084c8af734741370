#include "host/streams/event_ring.hpp"

namespace dream::host {

void EventRing::push(std::string event) {
  bytes_ += event.size();
  events_.push_back(std::make_shared<const std::string>(std::move(event)));
  while (events_.size() > 1 && (events_.size() > most_events_ || bytes_ > most_bytes_)) {
    bytes_ -= events_.front()->size();
    events_.pop_front();
    ++begin_;
  }
}

}  // namespace dream::host

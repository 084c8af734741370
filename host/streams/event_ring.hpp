// The newest events of one prediction, numbered from 0, bounded in number and in bytes. All who
// watch share them, so a slow one costs no memory: it loses what has left the ring.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

namespace dream::host {

class EventRing {
 public:
  using Event = std::shared_ptr<const std::string>;

  // Keeps at least the newest event, whatever its size.
  EventRing(std::size_t most_events, std::size_t most_bytes)
      : most_events_(most_events), most_bytes_(most_bytes) {}

  void push(std::string event);
  std::uint64_t begin() const { return begin_; }                  // number of the oldest kept
  std::uint64_t end() const { return begin_ + events_.size(); }  // of the next to come
  // begin() <= number < end()
  const Event& at(std::uint64_t number) const { return events_[number - begin_]; }

 private:
  std::size_t most_events_;
  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t begin_ = 0;
  std::deque<Event> events_;
};

}  // namespace dream::host

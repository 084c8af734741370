// Ends what one run may log where the host would end it too: a flood is not worth its way there.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "host/workers/protocol.hpp"

namespace dream::worker {

class LogLimit {
 public:
  // May this message go to the host? From any thread.
  bool pass(std::string_view message) {
    const auto bytes = message.size() + 1;
    if (bytes_.fetch_add(bytes, std::memory_order_relaxed) < host::protocol::max_log_bytes)
      return true;
    dropped_lines_.fetch_add(1, std::memory_order_relaxed);
    dropped_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    return false;
  }
  std::uint64_t dropped_lines() const { return dropped_lines_.load(std::memory_order_relaxed); }
  std::uint64_t dropped_bytes() const { return dropped_bytes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::uint64_t> dropped_lines_ = 0;
  std::atomic<std::uint64_t> dropped_bytes_ = 0;
};

}  // namespace dream::worker

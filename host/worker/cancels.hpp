// Which prediction runs on which slot, and which are to stop. A cancel may overtake its prediction,
// for they travel on different channels: it is remembered then.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace dream::worker {

class Cancels {
 public:
  using Flag = std::shared_ptr<std::atomic<bool>>;

  // The flag of a run that starts now; already set if its cancel came first. No two runs have one
  // name.
  Flag begin(int slot, const std::string& name);
  void end(int slot);
  void cancel(int slot, const std::string& name);
  void cancel_all();  // those running now

 private:
  struct Running {
    std::string name;
    Flag flag;
  };
  static constexpr std::size_t max_remembered = 1000;

  std::mutex mutex_;
  std::unordered_map<int, Running> running_;
  std::deque<std::pair<int, std::string>> early_;  // oldest first
};

}  // namespace dream::worker

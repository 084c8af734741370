#include "host/worker/cancels.hpp"

#include <algorithm>

namespace dream::worker {

Cancels::Flag Cancels::begin(int slot, const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto early = std::ranges::find(early_, std::pair(slot, name));
  auto flag = std::make_shared<std::atomic<bool>>(early != early_.end());
  if (early != early_.end()) early_.erase(early);
  running_[slot] = {name, flag};
  return flag;
}

void Cancels::end(int slot) {
  const std::lock_guard lock(mutex_);
  running_.erase(slot);
}

void Cancels::cancel(int slot, const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(slot);
  if (found != running_.end() && found->second.name == name) {
    found->second.flag->store(true);
    return;
  }
  if (early_.size() == max_remembered) early_.pop_front();
  early_.emplace_back(slot, name);
}

void Cancels::cancel_all() {
  const std::lock_guard lock(mutex_);
  for (auto& [slot, running] : running_) running.flag->store(true);
}

}  // namespace dream::worker

// The feeds of the predictions that run, by id.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "host/streams/feed.hpp"

namespace dream::host {

class FeedHub {
 public:
  explicit FeedHub(const FeedLimits& limits = FeedLimits::from_environment()) : limits_(limits) {}

  const FeedLimits& limits() const { return limits_; }
  // From now until its prediction ends; a later one may take over the id.
  void add(const std::string& id, const std::shared_ptr<Feed>& feed) { feeds_[id] = feed; }
  // Null if there is none.
  std::shared_ptr<Feed> find(const std::string& id) const;
  // The observer that forgets the feed at the end.
  Prediction::Observer forget_at_end(const std::string& id, const std::shared_ptr<Feed>& feed);

 private:
  FeedLimits limits_;
  std::unordered_map<std::string, std::shared_ptr<Feed>> feeds_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // expires with us: guards late observers
};

}  // namespace dream::host

#include "host/streams/feed_hub.hpp"

namespace dream::host {

std::shared_ptr<Feed> FeedHub::find(const std::string& id) const {
  const auto found = feeds_.find(id);
  return found == feeds_.end() ? nullptr : found->second;
}

Prediction::Observer FeedHub::forget_at_end(const std::string& id,
                                            const std::shared_ptr<Feed>& feed) {
  return [this, id, weak = std::weak_ptr(feed), alive = std::weak_ptr(alive_)](
             const Snapshot&, const PredictionEvent& event) {
    if (event.kind != PredictionEvent::Kind::completed || alive.expired()) return;
    const auto found = feeds_.find(id);
    if (found != feeds_.end() && found->second == weak.lock()) feeds_.erase(found);
  };
}

}  // namespace dream::host

// What one prediction tells those who watch it over server-sent events. The events and their bodies
// are Cog's: start, output, log, metric, completed, and error when a watcher has missed some. Two
// more come to those who ask for them: progress and preview, of which only the newest counts.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "host/http/message.hpp"
#include "host/predictions/prediction.hpp"
#include "host/streams/event_ring.hpp"

namespace dream::host {

struct FeedLimits {
  std::size_t history = 1024;     // events that a late watcher is shown; 0: none
  std::size_t live = 1024;        // events that a watcher may lag behind
  std::size_t bytes = 64U << 20;  // of both
  std::size_t watchers = 1024;
  std::chrono::milliseconds keep_alive{15000};  // between comments while nothing happens

  // With COG_STREAM_HISTORY_CAPACITY; a value that is no number is warned about and not taken.
  static FeedLimits from_environment();
};

// The events beyond Cog's that a watcher asked for.
struct ExtraEvents {
  bool progress = false;
  bool preview = false;
  // "progress,preview"; false for a name that is neither.
  bool add(std::string_view names);
};

class Feed : public std::enable_shared_from_this<Feed> {
 public:
  // How a prediction is shown: as a whole, and its newest output item.
  struct Rendering {
    std::function<nlohmann::json(const Snapshot&)> whole;
    std::function<nlohmann::json(const Snapshot&)> newest_output;
  };

  Feed(const FeedLimits& limits, Rendering rendering);

  // The observer that fills it.
  Prediction::Observer observer();
  // `callback` runs when the last watcher leaves before the end.
  void on_abandoned(std::function<void()> callback) { on_abandoned_ = std::move(callback); }

  bool is_full() const { return watchers_.size() >= limits_.watchers; }
  // What a watcher sees of what has happened already: as much as the limits say, or, who started
  // the prediction, all.
  enum class Past { history, all };
  // Answers with the stream: what has happened so far, then what happens, until the end.
  // `headers` go into the answer.
  void watch(Exchange& exchange, ExtraEvents extras,
             std::vector<std::pair<std::string, std::string>> headers, Past past = Past::history);

 private:
  struct Watcher {
    ExtraEvents extras;
    std::uint64_t next = 0;     // number of the event to be sent
    std::uint64_t skipped = 0;  // events of the past that cannot be shown any more
    EventRing::Event progress;  // not yet sent
    EventRing::Event preview;
    std::shared_ptr<BodyStream> body;
  };

  void on_event(const Snapshot& snapshot, const PredictionEvent& event);
  void push(std::string_view name, const nlohmann::json& data);
  void offer(bool ExtraEvents::* wanted, EventRing::Event Watcher::* place,
             const EventRing::Event& event);
  void wake_all();
  BodyPiece next_piece(Watcher& watcher) const;
  void leave(const Watcher& watcher);

  const FeedLimits limits_;
  Rendering rendering_;
  EventRing ring_;
  bool is_complete_ = false;
  EventRing::Event progress_;  // the newest, for those who come late
  EventRing::Event preview_;
  std::list<Watcher> watchers_;
  std::function<void()> on_abandoned_;
};

}  // namespace dream::host

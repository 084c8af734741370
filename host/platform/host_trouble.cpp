// The part of PredictionEngine for hosts that cannot be had: who waits for them, and for how long.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "host/base/text.hpp"
#include "host/platform/prediction_engine.hpp"

namespace dream::host {
namespace {

constexpr Micros failure_pause = 30'000'000;   // before a host that failed is kept ready again
constexpr Micros trouble_pause = 5'000'000;    // before any is started, after what may pass
constexpr Micros left_to_others = 600'000'000;  // that others have to begin what is lacking here

}  // namespace

void PredictionEngine::note(const Slot& slot, const Trouble& trouble) {
  spdlog::warn("{}: {}", slot.kind.template_name, trouble.text);
  const bool is_lacking = trouble.kind == Trouble::Kind::lacking;
  bool is_final = trouble.kind != Trouble::Kind::passing;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    is_final = is_final && !is_served_beside(slot);
    // What is final ends all that waits, so that the next prediction may try at once.
    const bool for_all = !is_final || (is_lacking && !is_alone());
    pauses_[slot.kind.key()] = {now_micros() + (is_final ? failure_pause : trouble_pause), for_all};
  }
  if (!is_final) return;
  if (is_lacking)
    give_up_lacking(slot.kind, trouble.text);
  else
    give_up(slot.kind, trouble.text, now_micros());
}

// With the mutex held.
bool PredictionEngine::is_served_beside(const Slot& slot) const {
  return std::any_of(slots_.begin(), slots_.end(), [&](const auto& other) {
    return other.get() != &slot && !other->gone && !other->ending &&
           other->state != HostView::State::starting && other->kind.key() == slot.kind.key();
  });
}

// SQLite is of one platform.
bool PredictionEngine::is_alone() const {
  const std::string& database = core_.options.database;
  return database.empty() || database.starts_with("sqlite:");
}

void PredictionEngine::give_up(const HostKind& kind, const std::string& problem, Micros before) {
  guarded("failing predictions",
          [&] { core_.prediction_queue.fail_waiting(kind, valid_utf8(problem), before); });
}

// Another platform on the database may have it.
void PredictionEngine::give_up_lacking(const HostKind& kind, const std::string& problem) {
  give_up(kind, problem, now_micros() - (is_alone() ? 0 : left_to_others));
}

bool PredictionEngine::is_paused(const HostWish& wish) {
  const std::lock_guard lock(mutex_);
  const auto pause = pauses_.find(wish.kind.key());
  if (pause == pauses_.end()) return false;
  if (pause->second.until > now_micros()) return wish.waiting == 0 || pause->second.is_for_all;
  pauses_.erase(pause);
  return false;
}

}  // namespace dream::host

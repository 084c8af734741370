// The half of PredictionEngine that looks after what runs: leases, cancels, deadlines.
#include <algorithm>

#include "host/platform/prediction_engine.hpp"

namespace dream::host {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds look_at_runs{200};
constexpr seconds cancel_again{1};
constexpr seconds cancel_limit{20};  // that a host may take over a cancel
constexpr int stray_looks = 20;

Micros micros(milliseconds time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

}  // namespace

void PredictionEngine::tend() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, look_at_runs, [&] { return stopping_; })) return;
    }
    guarded("looking after predictions", [this] { look_after_runs(); });
  }
}

void PredictionEngine::look_after_runs() {
  std::vector<Run> runs;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, run] : runs_) runs.push_back(run);
  }
  // What is claimed from here on has a fresh lease, and is not looked at.
  if (Clock::now() - renewed_at_ > core_.options.lease / 4) {
    const auto now = Clock::now();
    if (!runs.empty())
      core_.prediction_queue.renew(core_.instance, micros(core_.options.lease));
    renewed_at_ = now;
  }
  // Behind that: after a moment in which we did not run at all it would take what we still run.
  core_.prediction_queue.tend(core_.options.hosting.attempts);
  const auto held = core_.prediction_queue.held(core_.instance);
  for (Run& run : runs) look_after(run, held);
  // One whose claim was kept although its answer was lost.
  std::map<RunKey, int> strays;
  for (const auto& each : held) {
    const bool runs_here = std::any_of(runs.begin(), runs.end(),
                                       [&](const Run& run) {
                                         return run.id == each.id && run.attempt == each.attempt;
                                       });
    if (runs_here) continue;
    const RunKey key{each.id, each.attempt};
    strays[key] = strays_[key] + 1;
    if (strays[key] > stray_looks) core_.prediction_queue.put_back(each.id, each.attempt);
  }
  strays_ = std::move(strays);
}

void PredictionEngine::look_after(Run& run, const std::vector<PredictionQueue::Held>& held) {
  const auto found = std::find_if(held.begin(), held.end(), [&](const auto& each) {
    return each.id == run.id && each.attempt == run.attempt;
  });
  if (found == held.end()) {
    run.flags->is_let_go = true;  // the lease is lost, or it has just ended
    return;
  }
  if (!found->is_to_end) return;
  run.flags->is_to_end = true;
  const auto now = Clock::now();
  const bool first = run.asked_to_end == Clock::time_point();
  if (first) run.asked_to_end = now;
  if (now - run.asked_to_end > cancel_limit) run.flags->is_let_go = true;
  if (!first && now - run.told_to_end < cancel_again) return;
  run.told_to_end = now;
  run.host->cancel(run.id);
  const std::lock_guard lock(mutex_);
  const auto kept = runs_.find({run.id, run.attempt});
  if (kept == runs_.end()) return;
  kept->second.asked_to_end = run.asked_to_end;
  kept->second.told_to_end = run.told_to_end;
}

}  // namespace dream::host

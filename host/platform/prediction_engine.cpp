#include "host/platform/prediction_engine.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>

#include "host/base/text.hpp"

namespace dream::host {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds look{500};
constexpr milliseconds after_trouble{1000};
constexpr int most_starts = 3;  // of a host that goes away before it is ready

Micros micros(milliseconds time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

}  // namespace

PredictionEngine::~PredictionEngine() {
  stop();
}

void PredictionEngine::start() {
  threads_.emplace_back([this] { manage(); });
  threads_.emplace_back([this] { tend(); });
}

void PredictionEngine::let_go() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& slot : slots_) slot->ending = true;
    for (const auto& [key, run] : runs_) run.flags->is_let_go = true;
  }
  changed_.notify_all();
}

void PredictionEngine::stop() {
  let_go();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  for (const auto& slot : slots_) {
    if (slot->thread.joinable()) slot->thread.join();
  }
  slots_.clear();
}

void PredictionEngine::wake() {
  {
    const std::lock_guard lock(mutex_);
    ++wakes_;
  }
  changed_.notify_all();
}

bool PredictionEngine::wait(milliseconds time) {
  std::unique_lock lock(mutex_);
  const auto seen = wakes_;
  changed_.wait_for(lock, time, [&] { return stopping_ || wakes_ != seen; });
  return !stopping_;
}

void PredictionEngine::guarded(const char* what, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    spdlog::error("{}: {}", what, error.what());
    wait(after_trouble);
  }
}

void PredictionEngine::manage() {
  while (wait(milliseconds(0))) {
    guarded("planning hosts", [this] { make_plan(); });
    wait(look);
  }
}

void PredictionEngine::make_plan() {
  join_gone();
  const Wishes wanted = wishes();
  for (const HostKind& kind : wanted.lacking)
    give_up_lacking(kind, not_installed(kind.template_name));
  std::vector<HostView> views;
  std::vector<Slot*> slots;  // removed by this thread alone
  std::vector<std::shared_ptr<PredictionHost>> hosts;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& slot : slots_) {
      if (is_outdated(*slot, wanted)) slot->ending = true;
      views.push_back({slot->kind, slot->ending ? HostView::State::ending : slot->state,
                       slot->since, 0});
      slots.push_back(slot.get());
      hosts.push_back(slot->host);
    }
  }
  if (core_.options.hosting.bounds.bytes > 0) {
    for (std::size_t i = 0; i < views.size(); ++i)
      views[i].bytes = hosts[i] == nullptr ? 0 : hosts[i]->memory_bytes();
  }
  const HostPlan plan =
      plan_hosts(views, wanted.list, core_.options.hosting.bounds, now_micros());
  for (const std::size_t i : plan.end) slots[i]->ending = true;
  if (!plan.end.empty()) wake();
  for (const HostKind& kind : plan.start) {
    const auto found = wanted.deployments.find(kind.deployment.value_or(""));
    start_host(kind, found == wanted.deployments.end() ? "" : found->second.hardware);
  }
}

// Its deployment has other hardware by now, or no hosts at all.
bool PredictionEngine::is_outdated(const Slot& slot, const Wishes& wanted) {
  const auto found = wanted.deployments.find(slot.kind.deployment.value_or(""));
  return found != wanted.deployments.end() && (found->second.hardware != slot.hardware ||
                                               found->second.max_instances == 0);
}

PredictionEngine::Wishes PredictionEngine::wishes() {
  Wishes all;
  for (const auto& demand : core_.prediction_queue.demand()) {
    if (core_.served_with(demand.kind.template_name).empty())
      all.lacking.push_back(demand.kind);
    else
      all.list.push_back({demand.kind, demand.waiting, demand.since, 0, 1});
  }
  for (const Deployment& deployment : core_.deployments.all()) {
    const std::string name = deployment.full_name();
    all.deployments[name] = deployment;
    for (HostWish& wish : all.list) {
      if (wish.kind.deployment == name) wish.most = deployment.max_instances;
    }
    if (deployment.min_instances == 0) continue;
    const auto version = core_.models.find_version(deployment.model_owner, deployment.model_name,
                                                   deployment.version);
    if (!version) continue;
    const HostKind kind{version->template_name, version->weights, name};
    if (core_.served_with(kind.template_name).empty()) continue;
    const auto known =
        std::find_if(all.list.begin(), all.list.end(),
                     [&](const HostWish& wish) { return wish.kind.key() == kind.key(); });
    if (known != all.list.end()) {
      known->least = deployment.min_instances;
      continue;
    }
    all.list.push_back({kind, 0, 0, deployment.min_instances, deployment.max_instances});
  }
  for (HostWish& wish : all.list) wish.is_paused = is_paused(wish);
  return all;
}

void PredictionEngine::start_host(const HostKind& kind, const std::string& hardware) {
  auto slot = std::make_unique<Slot>();
  slot->kind = kind;
  slot->hardware = hardware;
  slot->since = now_micros();
  Slot& started = *slot;
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  slots_.push_back(std::move(slot));
  started.thread = std::thread([this, &started] { serve(started); });
}

void PredictionEngine::join_gone() {
  std::vector<std::unique_ptr<Slot>> gone;
  {
    const std::lock_guard lock(mutex_);
    const auto first = std::stable_partition(slots_.begin(), slots_.end(),
                                             [](const auto& slot) { return !slot->gone; });
    std::move(first, slots_.end(), std::back_inserter(gone));
    slots_.erase(first, slots_.end());
  }
  for (const auto& slot : gone) slot->thread.join();
}

void PredictionEngine::set_state(Slot& slot, HostView::State state) {
  const std::lock_guard lock(mutex_);
  slot.state = state;
  slot.since = now_micros();
}

// Null if it is to end before it is ready. Another process may take the port that was free a moment
// ago, so one that goes away is tried again.
std::shared_ptr<PredictionHost> PredictionEngine::ready_host(Slot& slot) {
  for (int attempt = 1;; ++attempt) {
    auto host = std::make_shared<PredictionHost>(core_, slot.kind, slot.hardware);
    {
      const std::lock_guard lock(mutex_);
      slot.host = host;
    }
    try {
      return host->set_up(slot.ending) ? host : nullptr;
    } catch (const HostGone&) {
      if (attempt == most_starts) throw;
    }
  }
}

void PredictionEngine::serve(Slot& slot) {
  const Trouble trouble = serve_until_gone(slot);
  std::shared_ptr<PredictionHost> host;
  {
    const std::lock_guard lock(mutex_);
    host = std::move(slot.host);
  }
  if (trouble.kind != Trouble::Kind::none) note(slot, trouble);
  host.reset();  // the process ends
  {
    const std::lock_guard lock(mutex_);
    slot.gone = true;
  }
  wake();
}

PredictionEngine::Trouble PredictionEngine::serve_until_gone(Slot& slot) {
  using Kind = Trouble::Kind;
  try {
    if (ready_host(slot) != nullptr) {
      spdlog::info("a host for {} is ready", slot.kind.template_name);
      serve_predictions(slot);
    }
    return {};
  } catch (const HostLacks& error) {
    return {Kind::lacking, error.what()};
  } catch (const HostFailed& error) {
    return {Kind::final, error.what()};
  } catch (const std::exception& error) {  // the store, the database or the machine: it may pass
    return {Kind::passing, error.what()};
  }
}

void PredictionEngine::serve_predictions(Slot& slot) {
  const auto host = slot.host;
  set_state(slot, HostView::State::idle);
  while (!slot.ending && wait(milliseconds(0))) {
    std::optional<StoredPrediction> prediction;
    guarded("looking for predictions", [&] {
      prediction =
          core_.prediction_queue.claim(slot.kind, core_.instance, micros(core_.options.lease));
    });
    if (prediction) {
      if (run(slot, *prediction) == PredictionHost::After::is_broken) return;
    } else if (const std::string how = host->end(); !how.empty()) {
      spdlog::warn("a host for {} has ended: {}", slot.kind.template_name, how);
      return;
    } else {
      wait(look);
    }
  }
}

PredictionHost::After PredictionEngine::run(Slot& slot, const StoredPrediction& prediction) {
  const auto flags = std::make_shared<RunFlags>();
  const RunKey key{prediction.id, prediction.attempt};
  {
    const std::lock_guard lock(mutex_);
    slot.state = HostView::State::busy;
    slot.since = now_micros();
    runs_[key] = {prediction.id, prediction.attempt, flags, slot.host};
    if (stopping_) flags->is_let_go = true;
  }
  auto after = PredictionHost::After::is_broken;
  guarded("running a prediction", [&] {
    try {
      after = slot.host->run(prediction, *flags);
    } catch (const sql::Error&) {
      throw;  // nothing can be noted now; it is put back as a stray
    } catch (const std::exception& error) {
      core_.prediction_queue.finish(prediction.id, prediction.attempt,
                                    {.status = "failed", .error = valid_utf8(error.what())});
      throw;
    }
  });
  {
    const std::lock_guard lock(mutex_);
    const auto kept = runs_.find(key);  // of another by now, if this one was put back
    if (kept != runs_.end() && kept->second.flags == flags) runs_.erase(kept);
    slot.state = HostView::State::idle;
    slot.since = now_micros();
  }
  wake();
  return after;
}

}  // namespace dream::host

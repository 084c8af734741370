#include "host/platform/collector.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace dream::host {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::hours sweep_every{24};

void tell(const Removed& removed) {
  const auto rows = removed.trainings + removed.predictions + removed.files + removed.webhooks +
                    removed.replies;
  if (rows + removed.blobs == 0) return;
  spdlog::info("removed {} trainings, {} predictions, {} files, {} webhooks, {} idempotency keys "
               "and {} blobs ({} bytes) whose time was over",
               removed.trainings, removed.predictions, removed.files, removed.webhooks,
               removed.replies, removed.blobs, removed.blob_bytes);
}

}  // namespace

milliseconds pause_between_rounds(const KeepTimes& keep) {
  milliseconds pause = seconds(60);
  for (const auto& time : {keep.trainings, keep.predictions, keep.files}) {
    if (time) pause = std::min<milliseconds>(pause, milliseconds(*time) / 10);
  }
  return std::max<milliseconds>(pause, seconds(1));
}

Collector::~Collector() {
  stop();
}

void Collector::start() {
  thread_ = std::thread([this] { collect(); });
}

void Collector::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Collector::goes_on() {
  const std::lock_guard lock(mutex_);
  return !stopping_;
}

bool Collector::wait(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [&] { return stopping_; });
}

// What fails, a database or a store that is away, is tried again in the next round.
void Collector::collect() {
  const Retention::GoOn go_on = [this] { return goes_on(); };
  const milliseconds pause = pause_between_rounds(core_.options.keep);
  std::optional<Clock::time_point> swept;
  while (wait(pause)) {
    try {
      if (!swept || Clock::now() - *swept > sweep_every) {
        core_.retention.sweep_machine(go_on);
        swept = Clock::now();
      }
      tell(core_.retention.run(go_on));
    } catch (const std::exception& error) {
      spdlog::warn("removing what has had its time: {}", error.what());
    }
  }
}

}  // namespace dream::host

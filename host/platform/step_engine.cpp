#include "host/platform/step_engine.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "host/platform/image_steps.hpp"
#include "host/platform/train_step.hpp"

namespace dream::host {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds look{500};           // for steps that are due
constexpr milliseconds after_trouble{1000};
constexpr std::int64_t most_takeovers = 20;  // without a sign of health in between

Micros micros(milliseconds time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

// 2, 4, 8 … 64 seconds.
Micros pause_after(std::int64_t attempt) {
  return 1'000'000LL << std::min<std::int64_t>(attempt, 6);
}

StepQueue::Outcome run_named(StepContext& context) {
  const std::string& name = context.step().name;
  if (name == step_name::train) return run_train_step(context);
  if (name == step_name::fetch) return run_fetch_step(context);
  if (name == step_name::build) return run_build_step(context);
  if (name == step_name::push) return run_push_step(context);
  throw StepFailed("there is no step '" + name + "' in this version of the platform");
}

}  // namespace

StepEngine::StepEngine(PlatformCore& core, SigningKeys keys)
    : core_(core), webhooks_(core, std::move(keys)) {}

StepEngine::~StepEngine() {
  stop();
}

void StepEngine::start() {
  for (int i = 0; i < core_.options.trainings_at_once; ++i)
    threads_.emplace_back([this] { run_steps({step_name::train, step_name::fetch}); });
  threads_.emplace_back([this] { run_steps({step_name::build, step_name::push}); });
  threads_.emplace_back([this] { keep_leases(); });
  webhooks_.start();
}

void StepEngine::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [step, flags] : running_) flags->interrupt();
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  webhooks_.stop();
}

void StepEngine::wake() {
  {
    const std::lock_guard lock(mutex_);
    ++wakes_;
  }
  changed_.notify_all();
  webhooks_.wake();
}

bool StepEngine::wait(milliseconds time) {
  std::unique_lock lock(mutex_);
  const auto seen = wakes_;
  changed_.wait_for(lock, time, [&] { return stopping_ || wakes_ != seen; });
  return !stopping_;
}

void StepEngine::guarded(const char* what, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    spdlog::error("{}: {}", what, error.what());
    wait(after_trouble);
  }
}

void StepEngine::run_steps(const std::vector<std::string>& names) {
  while (wait(milliseconds(0))) {
    std::optional<Step> step;
    guarded("looking for steps", [&] {
      step = core_.steps.claim(names, core_.instance, micros(core_.options.lease));
    });
    if (!step) {
      wait(look);
      continue;
    }
    guarded("running a step", [&] { run_step(*step); });
    wake();  // the next step, or the webhook
  }
}

void StepEngine::run_step(const Step& step) {
  const auto flags = std::make_shared<StepFlags>();
  const std::pair key{step.training, step.position};
  {
    const std::lock_guard lock(mutex_);
    running_[key] = flags;
    if (stopping_) flags->interrupt();
  }
  const auto forget = [&](void*) {
    const std::lock_guard lock(mutex_);
    running_.erase(key);
  };
  const std::unique_ptr<void, decltype(forget)> forgetting(this, forget);
  StepContext context(core_, step, flags);
  try {
    if (step.takeovers > most_takeovers)
      throw StepFailed(fmt::format("the platform ended {} times in this step", step.takeovers));
    context.check();
    const auto outcome = run_named(context);
    if (!core_.steps.succeed(step, outcome)) throw StepInterrupted();
    spdlog::info("training {}: {} done", step.training, step.name);
  } catch (const StepCanceled&) {
    core_.steps.cancel(step);
    spdlog::info("training {}: canceled", step.training);
  } catch (const StepInterrupted&) {
    core_.steps.put_back(step, now_micros());
  } catch (const StepFailed& error) {
    end_step(context, error.what(), true);
  } catch (const sql::Error&) {
    throw;  // nothing can be noted now; the lease runs out, and the step is taken again
  } catch (const std::exception& error) {
    end_step(context, error.what(), false);
  }
}

void StepEngine::end_step(StepContext& context, const std::string& error, bool final) {
  const Step& step = context.step();
  std::string text = error;
  std::erase(text, '\0');
  const bool again = !final && step.attempt < core_.options.limits.tries;
  context.log(fmt::format("{} failed: {}{}", step.name, text,
                          again ? fmt::format("; attempt {} of {}", step.attempt,
                                              core_.options.limits.tries)
                                : ""));
  spdlog::warn("training {}: {} failed{}", step.training, step.name, again ? ", again soon" : "");
  if (again)
    core_.steps.defer(step, text, now_micros() + pause_after(step.attempt));
  else
    core_.steps.fail(step, text);
}

void StepEngine::keep_leases() {
  while (wait(std::min(milliseconds(1000), core_.options.lease / 4))) {
    guarded("keeping leases", [&] {
      // What is claimed from here on has a fresh lease, and is not looked at.
      auto running = [&] {
        const std::lock_guard lock(mutex_);
        return running_;
      }();
      const auto webhooks = webhooks_.under_way();
      if (!webhooks.empty())
        core_.deliveries.renew(core_.instance, micros(core_.options.lease), webhooks);
      if (running.empty()) return;
      const auto held = core_.steps.renew(core_.instance, micros(core_.options.lease));
      for (auto& [key, flags] : running) {
        const auto found = std::find_if(held.begin(), held.end(), [&, k = key](const auto& each) {
          return each.training == k.first && each.position == k.second;
        });
        if (found == held.end())
          flags->interrupt();  // the lease is lost, or the step has just ended
        else if (found->cancel_requested)
          flags->cancel();
      }
    });
  }
}

}  // namespace dream::host

#include "host/platform/step_context.hpp"

#include <algorithm>
#include <thread>

namespace dream::host {
namespace {

using Clock = std::chrono::steady_clock;

Training training_of(PlatformCore& core, const Step& step) {
  auto training = core.trainings.find(step.training);
  if (!training) throw StepFailed("the training is gone");
  return std::move(*training);
}

}  // namespace

StepContext::StepContext(PlatformCore& core, Step step, std::shared_ptr<StepFlags> flags)
    : core_(core),
      step_(std::move(step)),
      flags_(std::move(flags)),
      training_(training_of(core, step_)),
      checkpoint_(Json::parse(step_.checkpoint)) {
  if (training_.cancel_requested) flags_->cancel();
}

void StepContext::check() const {
  if (flags_->interrupted) throw StepInterrupted();
  if (flags_->canceled) throw StepCanceled();
}

void StepContext::pause(std::chrono::milliseconds time) const {
  constexpr std::chrono::milliseconds moment(25);
  const auto end = Clock::now() + time;
  for (check(); Clock::now() < end; check())
    std::this_thread::sleep_for(std::min<Clock::duration>(moment, end - Clock::now()));
}

void StepContext::log(const std::string& line) {
  core_.trainings.append_log(step_.training, step_.name, line + "\n");
}

void StepContext::progress(const std::string& what, std::uint64_t done, std::uint64_t total) {
  const auto now = Clock::now();
  if (now - told_at_ < std::chrono::seconds(1)) return;
  told_at_ = now;
  const Json json = {{"what", what}, {"done", done}, {"total", total}};
  if (!core_.steps.save_progress(step_, to_text(json))) throw StepInterrupted();
}

void StepContext::save_checkpoint() {
  if (!core_.steps.save_checkpoint(step_, to_text(checkpoint_))) throw StepInterrupted();
}

void StepContext::set_status(const char* status) {
  if (!core_.steps.set_training_status(step_, status)) throw StepInterrupted();
}

}  // namespace dream::host

// The steps that come to weights: a training by a trainer, or the fetching of weights that are
// given.
#pragma once

#include "host/platform/step_context.hpp"

namespace dream::host {

StepQueue::Outcome run_train_step(StepContext& context);
StepQueue::Outcome run_fetch_step(StepContext& context);

}  // namespace dream::host

// The steps that make an image of weights and bring it to where versions are run from.
#pragma once

#include "host/platform/step_context.hpp"

namespace dream::host {

StepQueue::Outcome run_build_step(StepContext& context);
StepQueue::Outcome run_push_step(StepContext& context);

}  // namespace dream::host

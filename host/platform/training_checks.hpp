// A request for a training on its way into the tables: what both APIs that take one do with it.
#pragma once

#include <string>

#include "host/platform/platform_core.hpp"
#include "host/platform/training_request.hpp"

namespace dream::host {

// All that can be known before compute is spent: pictures, inputs, template, destination. Throws
// Refusal (422, 503).
void check_training(PlatformCore& core, const TrainingRequest& wanted, const std::string& account);

// Of the origin "dreambooth".
NewTraining new_training(const TrainingRequest& wanted, const Caller& caller,
                         const std::string& id);

// The training as it begins, queued, though a step may be in work by now: there are clients that
// take any other status for a failure. Throws Refusal (429) if the account or its token has as many
// as it may have, FileGone.
Training keep_training(PlatformCore& core, NewTraining training, const TokenQuota& quota);

}  // namespace dream::host

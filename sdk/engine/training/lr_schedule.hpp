// How the learning rate moves over the steps of a training: the schedules of
// diffusers.optimization.
#pragma once

#include <string>

namespace dream::engine {

struct LrSchedule {
  std::string name = "constant";  // of lr_scheduler_names
  double learning_rate = 1e-6;    // the rate that factors are of
  int warmup_steps = 0;           // linear from 0; "constant" has none
  int max_train_steps = 1;
  int num_cycles = 1;  // cosine_with_restarts
  double power = 1;    // polynomial, which ends at the rate 1e-7
};

// The factor of the learning rate at `step`, counted from 0. Throws InvalidInput for an unknown
// name, and for a polynomial whose learning rate is not above its end: to be told so early, ask for
// the factor of step 0 before the work.
double lr_factor(const LrSchedule& schedule, int step);

}  // namespace dream::engine

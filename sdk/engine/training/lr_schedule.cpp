#include "sdk/engine/training/lr_schedule.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "sdk/engine/training.hpp"

namespace dream::engine {
namespace {

constexpr double polynomial_end = 1e-7;  // a rate, not a factor

// Where a schedule is between the end of its warm-up (0) and its last step (1).
double progress(const LrSchedule& schedule, int step) {
  return static_cast<double>(step - schedule.warmup_steps) /
         std::max(1, schedule.max_train_steps - schedule.warmup_steps);
}

double half_cosine(double share) {
  return std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * share)));
}

double constant(const LrSchedule&, int) {
  return 1;
}

double linear(const LrSchedule& schedule, int step) {
  return std::max(0.0, static_cast<double>(schedule.max_train_steps - step) /
                           std::max(1, schedule.max_train_steps - schedule.warmup_steps));
}

double cosine(const LrSchedule& schedule, int step) {
  return half_cosine(progress(schedule, step));
}

double cosine_with_restarts(const LrSchedule& schedule, int step) {
  const double share = progress(schedule, step);
  return share >= 1 ? 0 : half_cosine(std::fmod(schedule.num_cycles * share, 1.0));
}

double polynomial(const LrSchedule& schedule, int step) {
  const double end = polynomial_end / schedule.learning_rate;
  if (step > schedule.max_train_steps) return end;
  return (1 - end) * std::pow(1 - progress(schedule, step), schedule.power) + end;
}

struct Entry {
  std::string_view name;
  double (*after_warmup)(const LrSchedule&, int step);
  bool warms_up = true;
};

constexpr std::array entries = std::to_array<Entry>({{"linear", linear},
                                                     {"cosine", cosine},
                                                     {"cosine_with_restarts", cosine_with_restarts},
                                                     {"polynomial", polynomial},
                                                     {"constant", constant, false},
                                                     {"constant_with_warmup", constant}});

static_assert(std::ranges::equal(entries, lr_scheduler_names, {}, &Entry::name));

}  // namespace

double lr_factor(const LrSchedule& schedule, int step) {
  const auto* entry = std::ranges::find(entries, schedule.name, &Entry::name);
  if (entry == entries.end()) {
    throw InvalidInput(fmt::format("lr_scheduler is \"{}\": allowed are {}", schedule.name,
                                   fmt::join(lr_scheduler_names, ", ")));
  }
  if (entry->after_warmup == polynomial && schedule.learning_rate <= polynomial_end) {
    throw InvalidInput(fmt::format(
        "learning_rate is {}: with lr_scheduler \"polynomial\", which falls to {}, only what is "
        "above that is allowed",
        schedule.learning_rate, polynomial_end));
  }
  if (entry->warms_up && step < schedule.warmup_steps)
    return static_cast<double>(step) / std::max(1, schedule.warmup_steps);
  return entry->after_warmup(schedule, step);
}

}  // namespace dream::engine

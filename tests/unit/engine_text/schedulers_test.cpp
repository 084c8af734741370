// What the schedulers refuse and what they promise beyond the numbers, which tests/parity compares.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/schedulers/scheduler.hpp"

namespace dream::engine {
namespace {

using nlohmann::json;

std::string refusal(const std::string& name, const json& config, int steps = 4,
                    bool karras = false) {
  try {
    make_scheduler(name, config, {.karras = karras})->set_timesteps(steps);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST(Schedulers, EveryListedNameCanBeMade) {
  const std::set<std::string> over_sigma{"HeunDiscrete", "K_EULER", "K_EULER_ANCESTRAL", "KLMS"};
  for (const char* name : scheduler_names) {
    const auto scheduler = make_scheduler(name, json{{"skip_prk_steps", true}}, {});
    scheduler->set_timesteps(4);
    if (over_sigma.contains(name))
      EXPECT_GT(scheduler->init_noise_sigma(), 10) << name;
    else
      EXPECT_EQ(scheduler->init_noise_sigma(), 1) << name;
    EXPECT_EQ(scheduler->order(), name == std::string("HeunDiscrete") ? 2 : 1);
  }
}

TEST(Schedulers, UnknownNameIsAnInputErrorThatListsTheNames) {
  EXPECT_THROW(make_scheduler("Euler", json::object(), {}), InvalidInput);
  EXPECT_EQ(refusal("Euler", json::object()),
            "scheduler: Euler is not known; allowed: DDIM, DPMSolverMultistep, HeunDiscrete, "
            "K_EULER_ANCESTRAL, K_EULER, KLMS, PNDM, UniPCMultistep, LCM");
}

TEST(Schedulers, KarrasNeedsASchedulerThatHasIt) {
  EXPECT_THROW(make_scheduler("DDIM", json::object(), {.karras = true}), InvalidInput);
  EXPECT_THROW(make_scheduler("PNDM", json::object(), {.eta = 0.5}), InvalidInput);
  for (const char* name : {"DPMSolverMultistep", "HeunDiscrete", "K_EULER", "KLMS",
                           "UniPCMultistep"})
    EXPECT_EQ(refusal(name, json::object(), 4, true), "");
  EXPECT_NE(refusal("LCM", json::object(), 4, true).find("allowed with: DPMSolverMultistep, Heun"),
            std::string::npos);
}

TEST(Schedulers, NoiseLevelsFollowOneCurve) {
  const json beta{{"use_beta_sigmas", true}};
  EXPECT_EQ(refusal("K_EULER", beta), "");
  EXPECT_NE(refusal("K_EULER", beta, 4, true).find("exclude each other"), std::string::npos);
  EXPECT_NE(refusal("UniPCMultistep", {{"use_beta_sigmas", true}, {"use_exponential_sigmas", true}})
                .find("exclude each other"),
            std::string::npos);
}

TEST(Schedulers, LcmTakesNoMoreStepsThanItsSolverHad) {
  EXPECT_EQ(refusal("LCM", json::object(), 50), "");
  EXPECT_NE(refusal("LCM", json::object(), 51).find("1 to 50"), std::string::npos);
}

TEST(Schedulers, StepsOutsideTheTableAreAnInputError) {
  for (const char* name : scheduler_names) {
    for (const int steps : {0, -1, 1001}) {
      const auto scheduler = make_scheduler(name, json{{"skip_prk_steps", true}}, {});
      EXPECT_THROW(scheduler->set_timesteps(steps), InvalidInput) << name << ' ' << steps;
    }
  }
  EXPECT_NE(refusal("DDIM", {{"steps_offset", 1}}, 1000), "");
  EXPECT_NE(refusal("PNDM", json::object(), 3), "");  // Runge-Kutta start needs four
}

TEST(Schedulers, ConfigErrorsNameKeyValueAndWhatIsAllowed) {
  EXPECT_EQ(refusal("DDIM", {{"beta_schedule", "cubic"}}),
            "scheduler config: beta_schedule = \"cubic\" cannot be used by DDIM; allowed: linear, "
            "scaled_linear, squaredcos_cap_v2");
  EXPECT_NE(refusal("DDIM", {{"thresholding", true}}), "");
  EXPECT_NE(refusal("PNDM", {{"prediction_type", "sample"}}), "");
  EXPECT_NE(refusal("DPMSolverMultistep", {{"solver_order", 4}}), "");
  EXPECT_NE(refusal("DPMSolverMultistep", {{"algorithm_type", "dpmsolver"}}), "");
  EXPECT_NE(refusal("DPMSolverMultistep", {{"variance_type", "learned"}}), "");
  EXPECT_NE(refusal("DDIM", {{"trained_betas", {0.1, 0.2}}}), "");
  EXPECT_NE(refusal("DDIM", {{"num_train_timesteps", 1e30}}), "");
  EXPECT_NE(refusal("DDIM", {{"num_train_timesteps", "1000"}}), "");
  EXPECT_NE(refusal("DDIM", json::array()), "");
}

TEST(Schedulers, KeysOfOtherClassesPassAndUnknownOnesDoNot) {
  EXPECT_EQ(refusal("DDIM", {{"solver_order", 2}, {"_class_name", "X"}, {"novel", nullptr}}), "");
  EXPECT_EQ(refusal("DDIM", {{"novel", false}}), "");
  EXPECT_NE(refusal("DDIM", {{"novel", 1}}).find("novel"), std::string::npos);
}

TEST(Schedulers, DefaultsOfTheClassThatWroteTheConfigDoNotCount) {
  const json config{{"timestep_spacing", "leading"}, {"_use_default_values", {"timestep_spacing"}}};
  const auto scheduler = make_scheduler("DPMSolverMultistep", config, {});
  scheduler->set_timesteps(10);
  EXPECT_EQ(scheduler->timesteps().front(), 999);  // linspace, this class's own default
}

TEST(Schedulers, MinusInfinityMayComeAsText) {
  EXPECT_EQ(refusal("DPMSolverMultistep", {{"lambda_min_clipped", "-Infinity"}}), "");
}

TEST(Schedulers, TrailingNeverLeavesTheTable) {
  for (int steps = 1; steps <= 1000; ++steps) {
    const auto scheduler = make_scheduler("DDIM", {{"timestep_spacing", "trailing"}}, {});
    scheduler->set_timesteps(steps);
    EXPECT_EQ(scheduler->timesteps().size(), static_cast<std::size_t>(steps));
    EXPECT_GE(scheduler->timesteps().back(), 0);
  }
}

TEST(Schedulers, ARunCanBeRepeatedOnOneInstance) {
  for (const char* name : scheduler_names) {
    const auto scheduler =
        make_scheduler(name, {{"steps_offset", 1}, {"skip_prk_steps", true}}, {});
    at::Generator generator = at::globalContext().defaultGenerator(at::kCPU).clone();
    std::vector<at::Tensor> ends;
    for (int run = 0; run < 2; ++run) {
      scheduler->set_timesteps(5);
      generator.set_current_seed(1);  // some draw noise
      at::Tensor sample = at::ones({1, 4, 2, 2});
      for (const double t : scheduler->timesteps())
        sample = scheduler->step(sample * 0.5, t, sample, generator);
      ends.push_back(sample);
    }
    EXPECT_TRUE(at::equal(ends[0], ends[1])) << name;
  }
}

}  // namespace
}  // namespace dream::engine

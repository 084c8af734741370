// A training to store, and one queue with its stores.
#pragma once

#include <string>

#include "host/storage/step_queue.hpp"
#include "host/storage/trainings.hpp"

namespace dream::host {

inline NewTraining sample_training(const std::string& id, const std::string& account = "anna") {
  NewTraining training;
  training.id = id;
  training.origin = "dreambooth";
  training.account = account;
  training.input = R"({"instance_prompt":"a photo of cjw"})";
  training.model_owner = "anna";
  training.model_name = "me";
  training.trainer = "dreambooth";
  training.template_name = "vanilla";
  training.webhook = "http://example.com/hook?secret=1";
  return training;
}

// At the end alone, as without a filter.
inline std::optional<NewDelivery> announce_status(sql::Database&, const Training& training,
                                                  const std::vector<Step>&,
                                                  const std::string& event) {
  if (event != "completed") return std::nullopt;
  return NewDelivery{training.id, *training.webhook, training.status};
}

inline const std::vector<std::string> all_steps{step_name::train, step_name::fetch,
                                                step_name::build, step_name::push};
inline constexpr Micros second = 1'000'000;

}  // namespace dream::host

// How a training looks to clients. There are two views of it that must not be mixed: in the
// Dreambooth API "version" is the version that was made, in the official one that of the trainer,
// and the latter's clients refuse statuses that it does not know.
#pragma once

#include <string>
#include <vector>

#include "host/platform/problem.hpp"
#include "host/storage/deliveries.hpp"
#include "host/storage/training.hpp"

namespace dream::host {

struct TrainingParts {
  Training training;
  std::vector<Step> steps;
  std::vector<Delivery> deliveries;  // oldest first
  std::string logs;
  std::string stream_url = {};   // of server-sent events
  std::string weights_url = {};  // once there are some
};

// As the API that made it shows it. `base`: how the client reaches the platform, without a slash at
// the end.
Json training_view(const TrainingParts& parts, const std::string& base);

// In lists, which only the official API has: all as that shows them, whichever API made them.
Json training_list_view(const TrainingParts& parts, const std::string& base);

// The run of its trainer as a prediction: it has the training's id, and the weights as output.
Json prediction_view(const TrainingParts& parts, const std::string& base);

// "2024-01-15T10:30:00.123456Z"
std::string wire_time(Micros time);

}  // namespace dream::host

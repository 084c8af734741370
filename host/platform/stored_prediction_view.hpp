// How a prediction of a version looks to clients and webhooks.
#pragma once

#include <optional>
#include <string>

#include "host/platform/problem.hpp"
#include "host/storage/prediction_rows.hpp"

namespace dream::host {

struct PlatformCore;

// As the Replicate API shows it. `base`: how the client reaches the platform.
Json stored_prediction_view(const PlatformCore& core, const StoredPrediction& prediction,
                            const std::string& base);

// The webhook of an event, if the prediction wants it.
std::optional<NewDelivery> prediction_delivery(const PlatformCore& core,
                                               const StoredPrediction& prediction,
                                               const std::string& event, const std::string& base);

// The items of its output: those of a list, or the one that it is.
Json output_items(const Json& output);

}  // namespace dream::host

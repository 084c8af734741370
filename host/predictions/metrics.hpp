// The custom metrics of a prediction: what a template records, merged into one JSON object by Cog's
// rules, so that clients of Cog read them unchanged.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace dream::host {

// Records `value` under `name` in the object `metrics`. A dotted name ("unet.steps") makes nested
// objects. Modes: "replace" (null deletes), "increment" (numbers), "append" (to a list).
// Throws std::invalid_argument, naming the metric, for a name, mode or value that is not allowed:
// names have 1 to 4 segments, 128 characters, segments of letters, digits and single underscores
// that start with a letter; predict_time and cog.* are the host's own; a metric keeps its type.
void record_metric(nlohmann::json& metrics, std::string_view name, const nlohmann::json& value,
                   std::string_view mode);

}  // namespace dream::host

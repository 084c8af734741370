// The custom metrics of a prediction: what a template records, merged into one JSON object as Cog's
// server merges it, so that clients of Cog read them unchanged.
//
// Whether a name and a type are allowed is decided in the worker (sdk_host/metric_rules), where the
// template can still be told. What is refused here is only what no worker of ours would send.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

namespace dream::host {

// Records `value` under `name` in the object `metrics`. A dotted name ("unet.steps") makes nested
// objects, in the place of values that are none. Modes:
//   replace    the value takes the place of what is there; null deletes
//   increment  the sum of the two if both are numbers, whole if both are whole (a sum beyond 64
//   bits
//              is a float); what is no number stays as it is
//   append     to a list; another value that is there becomes its first item
// Result: about how many bytes the object may have grown by.
// Throws std::invalid_argument, naming the metric, for an unknown mode, a name with an empty
// segment, of more than 128 bytes or 4 segments, and for predict_time, which is the host's own.
std::size_t record_metric(nlohmann::json& metrics, std::string_view name,
                          const nlohmann::json& value, std::string_view mode);

}  // namespace dream::host

#include "host/worker/imaging/annotators/settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "sdk/engine/engine.hpp"

namespace dream::worker::imaging {
namespace {

std::string text(const nlohmann::json& value) {
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).substr(0, 100);
}

}  // namespace

Settings::Settings(std::string_view annotator, const nlohmann::json& json)
    : annotator_(annotator), json_(json) {
  if (!json.is_object() && !json.is_null())
    throw engine::InvalidInput(
        fmt::format("settings of {}: {} is not a JSON object of options", annotator, text(json)));
}

double Settings::number(const char* option, double otherwise, double lowest, double highest) {
  known_.emplace_back(option);
  if (json_.is_null() || !json_.contains(option)) return otherwise;
  const nlohmann::json& value = json_.at(option);
  const bool fits =
      value.is_number() && value.get<double>() >= lowest && value.get<double>() <= highest;
  if (!fits)
    throw engine::InvalidInput(fmt::format("settings of {}: {} is {}: allowed are {} to {}",
                                           annotator_, option, text(value), lowest, highest));
  return value.get<double>();
}

void Settings::finish() const {
  for (const auto& [option, value] : json_.items()) {
    if (std::ranges::find(known_, option) != known_.end()) continue;
    throw engine::InvalidInput(
        fmt::format("settings of {}: there is no option '{}': allowed are {}", annotator_, option,
                    fmt::join(known_, ", ")));
  }
}

}  // namespace dream::worker::imaging

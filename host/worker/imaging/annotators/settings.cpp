#include "host/worker/imaging/annotators/settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "sdk/engine/engine.hpp"

namespace dream::worker::imaging {
namespace {

using Value = decltype(AnnotatorOption::fallback);

std::string text(const nlohmann::json& value) {
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).substr(0, 100);
}

std::string allowed(const AnnotatorOption& option) {
  if (std::holds_alternative<bool>(option.fallback)) return "true, false";
  if (!option.choices.empty()) return fmt::format("{}", fmt::join(option.choices, ", "));
  const bool whole = std::holds_alternative<std::int64_t>(option.fallback);
  return fmt::format("{} to {}{}", option.lowest, option.highest, whole ? " in whole numbers" : "");
}

std::optional<Value> read_number(const AnnotatorOption& option, double value) {
  if (!(value >= option.lowest && value <= option.highest)) return {};
  if (std::holds_alternative<double>(option.fallback)) return value;
  if (std::trunc(value) != value) return {};
  return static_cast<std::int64_t>(value);
}

// Nothing when the value is not one that the option takes. Texts are the declaration's own.
std::optional<Value> read(const AnnotatorOption& option, const nlohmann::json& value) {
  if (std::holds_alternative<bool>(option.fallback)) {
    return value.is_boolean() ? std::optional<Value>(value.get<bool>()) : std::nullopt;
  }
  if (option.choices.empty()) {
    return value.is_number() ? read_number(option, value.get<double>()) : std::nullopt;
  }
  if (!value.is_string()) return {};
  const auto found = std::ranges::find(option.choices, value.get_ref<const std::string&>());
  return found == option.choices.end() ? std::nullopt : std::optional<Value>(*found);
}

}  // namespace

Settings::Settings(std::string_view annotator, std::span<const AnnotatorOption> options,
                   const nlohmann::json& json) {
  const auto fail = [&](const std::string& problem) {
    throw engine::InvalidInput(fmt::format("settings of {}: {}", annotator, problem));
  };
  if (!json.is_object() && !json.is_null())
    fail(fmt::format("{} is not a JSON object of options", text(json)));
  std::vector<std::string_view> names;
  for (const AnnotatorOption& option : options) {
    names.push_back(option.name);
    values_.emplace(option.name, option.fallback);
  }
  for (const auto& [name, value] : json.items()) {
    const auto option = std::ranges::find(options, name, &AnnotatorOption::name);
    if (option == options.end()) {
      fail(names.empty() ? fmt::format("there is no option '{}': it has none", name)
                         : fmt::format("there is no option '{}': allowed are {}", name,
                                       fmt::join(names, ", ")));
    }
    const auto read_value = read(*option, value);
    if (!read_value)
      fail(fmt::format("{} is {}: allowed are {}", name, text(value), allowed(*option)));
    values_.at(option->name) = *read_value;
  }
}

}  // namespace dream::worker::imaging

#include "host/predictions/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace dream::host {
namespace {

constexpr std::size_t max_name_bytes = 128;
constexpr std::size_t max_segments = 4;
constexpr auto replace_bad_text = nlohmann::json::error_handler_t::replace;

[[noreturn]] void refuse(std::string_view name, std::string_view why) {
  throw std::invalid_argument(fmt::format("metric '{}' {}", name.substr(0, max_name_bytes), why));
}

std::vector<std::string> split(std::string_view name) {
  if (name.size() > max_name_bytes) refuse(name, "is longer than 128 bytes");
  if (name == "predict_time") refuse(name, "is the server's own");
  std::vector<std::string> segments;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    if (end == begin) refuse(name, "has an empty segment");
    segments.emplace_back(name.substr(begin, end - begin));
    if (end == name.size()) break;
    begin = end + 1;
  }
  if (segments.size() > max_segments) refuse(name, "has more than 4 segments");
  return segments;
}

void increment(nlohmann::json& target, const nlohmann::json& value) {
  if (target.is_null()) target = 0;
  if (!target.is_number() || !value.is_number()) return;
  std::int64_t sum = 0;
  const bool whole = target.is_number_integer() && value.is_number_integer() &&
                     !__builtin_add_overflow(target.get<std::int64_t>(), value.get<std::int64_t>(),
                                             &sum);
  if (whole)
    target = sum;
  else
    target = target.get<double>() + value.get<double>();
}

void append(nlohmann::json& target, const nlohmann::json& value) {
  if (target.is_null()) target = nlohmann::json::array();
  if (!target.is_array()) target = nlohmann::json::array({std::move(target)});
  target.push_back(value);
}

}  // namespace

std::size_t record_metric(nlohmann::json& metrics, std::string_view name,
                          const nlohmann::json& value, std::string_view mode) {
  const std::vector<std::string> segments = split(name);
  if (mode != "replace" && mode != "increment" && mode != "append")
    refuse(name, fmt::format("has the unknown mode '{}': replace, increment or append", mode));
  nlohmann::json* parent = &metrics;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    parent = &(*parent)[segments[i]];
    if (!parent->is_object()) *parent = nlohmann::json::object();
  }
  if (mode == "replace" && value.is_null()) {
    parent->erase(segments.back());
    return 0;
  }
  nlohmann::json& target = (*parent)[segments.back()];
  const bool in_place = target.is_number() && value.is_number() && mode != "append";
  if (mode == "increment")
    increment(target, value);
  else if (mode == "append")
    append(target, value);
  else
    target = value;
  return in_place ? 0 : name.size() + value.dump(-1, ' ', false, replace_bad_text).size();
}

}  // namespace dream::host

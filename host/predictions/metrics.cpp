#include "host/predictions/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <string>
#include <vector>

namespace dream::host {
namespace {

constexpr std::size_t max_name_length = 128;
constexpr std::size_t max_segments = 4;

bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

bool is_word(char c) {
  return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
}

[[noreturn]] void refuse(std::string_view name, std::string_view why) {
  throw std::invalid_argument(fmt::format("metric '{}' {}", name.substr(0, max_name_length), why));
}

void check_segment(std::string_view name, std::string_view segment) {
  if (segment.empty()) refuse(name, "must not contain empty segments");
  if (!is_letter(segment.front())) refuse(name, "must start with a letter in each segment");
  if (segment.back() == '_') refuse(name, "must end with a letter or digit in each segment");
  if (segment.find("__") != std::string_view::npos)
    refuse(name, "must not contain consecutive underscores");
  if (!std::all_of(segment.begin(), segment.end(), is_word))
    refuse(name, "may contain letters, digits, underscores and dots only");
}

std::vector<std::string> split(std::string_view name) {
  if (name.size() > max_name_length) refuse(name, "is longer than 128 characters");
  std::vector<std::string> segments;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    check_segment(name, name.substr(begin, end - begin));
    segments.emplace_back(name.substr(begin, end - begin));
    if (end == name.size()) break;
    begin = end + 1;
  }
  if (segments.size() > max_segments)
    refuse(name, "has more than at most 4 dot-separated segments");
  if (segments.front() == "cog" || (segments.size() == 1 && segments.front() == "predict_time"))
    refuse(name, "is reserved");
  return segments;
}

bool same_kind(const nlohmann::json& a, const nlohmann::json& b) {
  return a.type() == b.type() || (a.is_number() && b.is_number());
}

void increment(nlohmann::json& target, std::string_view name, const nlohmann::json& value) {
  if (!value.is_number()) refuse(name, "can be incremented by a number only");
  if (target.is_null()) {
    target = value;
  } else if (!target.is_number()) {
    refuse(name, "is not a number and cannot be incremented");
  } else if (target.is_number_integer() && value.is_number_integer()) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(target.get<std::int64_t>(), value.get<std::int64_t>(), &sum))
      refuse(name, "would overflow");
    target = sum;
  } else {
    target = target.get<double>() + value.get<double>();
  }
}

void append(nlohmann::json& target, std::string_view name, const nlohmann::json& value) {
  if (target.is_null()) target = nlohmann::json::array();
  if (!target.is_array()) refuse(name, "is not a list and cannot be appended to");
  target.push_back(value);
}

}  // namespace

void record_metric(nlohmann::json& metrics, std::string_view name, const nlohmann::json& value,
                   std::string_view mode) {
  const std::vector<std::string> segments = split(name);
  if (mode != "replace" && mode != "increment" && mode != "append")
    refuse(name, fmt::format("has the unknown mode '{}': replace, increment or append", mode));
  nlohmann::json merged = metrics;  // so that a refusal leaves no half-made objects behind
  nlohmann::json* parent = &merged;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    parent = &(*parent)[segments[i]];
    if (parent->is_null()) *parent = nlohmann::json::object();
    if (!parent->is_object()) refuse(name, "lies below a metric that is not an object");
  }
  if (mode == "replace" && value.is_null()) {
    parent->erase(segments.back());
  } else {
    nlohmann::json& target = (*parent)[segments.back()];
    if (mode == "increment") {
      increment(target, name, value);
    } else if (mode == "append") {
      append(target, name, value);
    } else {
      if (!target.is_null() && !same_kind(target, value))
        refuse(name, "already has another type: delete it with null first");
      target = value;
    }
  }
  metrics = std::move(merged);
}

}  // namespace dream::host

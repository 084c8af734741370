#include "host/worker/sdk_host/metric_rules.hpp"

#include <algorithm>

#include "host/worker/sdk_host/sdk_error.hpp"

namespace dream::worker {
namespace {

constexpr std::size_t max_name_characters = 128;
constexpr std::size_t max_segments = 4;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The UTF-8 character at the start of `text`.
std::string_view first_character(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) ++size;
  return text.substr(0, size);
}

void check_segment(std::string_view segment) {
  const std::string what = "metric name segment '" + std::string(segment) + "' ";
  if (!is_letter(segment.front())) throw invalid(what + "must start with a letter");
  for (std::size_t i = 0; i < segment.size(); ++i) {
    const char c = segment[i];
    if (!is_letter(c) && !is_digit(c) && c != '_')
      throw invalid(what + "contains invalid character '" +
                    std::string(first_character(segment.substr(i))) + "'");
  }
  if (segment.back() == '_') throw invalid(what + "must end with a letter or digit");
  if (segment.find("__") != std::string_view::npos)
    throw invalid(what + "must not contain consecutive underscores");
}

// The names Cog's messages give to JSON types.
std::string type_word(const nlohmann::json& value) {
  switch (value.type()) {
    case nlohmann::json::value_t::boolean:
      return "bool";
    case nlohmann::json::value_t::number_integer:
    case nlohmann::json::value_t::number_unsigned:
      return "int";
    case nlohmann::json::value_t::number_float:
      return "float";
    case nlohmann::json::value_t::string:
      return "str";
    case nlohmann::json::value_t::array:
      return "list";
    case nlohmann::json::value_t::object:
      return "dict";
    default:
      return "NoneType";
  }
}

}  // namespace

void check_metric_name(std::string_view name) {
  if (name.empty()) throw invalid("metric name must not be empty");
  if (name == "predict_time") throw invalid("'predict_time' is reserved by the runtime");
  if (name.starts_with("cog.")) throw invalid("the 'cog.' prefix is reserved for system metrics");
  if (name.size() > max_name_characters)
    throw invalid("metric name must be 128 characters or fewer (got " +
                  std::to_string(name.size()) + " characters)");
  if (name.front() == '.') throw invalid("metric name must not start with a dot");
  if (name.back() == '.') throw invalid("metric name must not end with a dot");
  if (name.find("..") != std::string_view::npos)
    throw invalid("metric name must not contain empty segments (consecutive dots)");
  const auto segments = static_cast<std::size_t>(std::count(name.begin(), name.end(), '.')) + 1;
  if (segments > max_segments)
    throw invalid("metric name must have at most 4 dot-separated segments (got " +
                  std::to_string(segments) + ")");
  while (!name.empty()) {
    const std::string_view segment = name.substr(0, name.find('.'));
    check_segment(segment);
    name.remove_prefix(std::min(name.size(), segment.size() + 1));
  }
}

void MetricTypes::record(const std::string& name, const nlohmann::json& value,
                         std::string_view mode) {
  check_metric_name(name);
  const std::lock_guard lock(mutex_);
  if (value.is_null()) {
    if (mode != "replace")
      throw invalid(
          "Unsupported metric value type: NoneType. Expected bool, int, float, str, "
          "list, or dict.");
    types_.erase(name);
    return;
  }
  const std::string word = type_word(value);
  if (mode == "increment" && !value.is_number())
    throw invalid("Increment mode requires int or float, got " + word);
  const auto [known, is_new] = types_.try_emplace(name, word);
  if (!is_new && known->second != word)
    throw invalid("Metric '" + name + "' has type " + known->second + ", cannot set to " + word +
                  " without deleting first");
}

}  // namespace dream::worker

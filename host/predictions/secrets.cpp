#include "host/predictions/secrets.hpp"

#include <algorithm>

namespace dream::host {
namespace {

constexpr std::size_t shortest_bytes = 4;

// Calls `visit` with the value of each secret input that is given.
template <class Json, class Visit>
void visit_secrets(const nlohmann::json& schema, Json& input, Visit&& visit) {
  const auto inputs = schema.find("inputs");
  if (inputs == schema.end() || !input.is_object()) return;
  for (const auto& declared : *inputs) {
    if (declared.value("type", "") != "secret") continue;
    const auto given = input.find(declared.value("name", ""));
    if (given != input.end() && !given->is_null()) visit(*given);
  }
}

}  // namespace

nlohmann::json mask_secrets(const nlohmann::json& schema, nlohmann::json input) {
  visit_secrets(schema, input, [](nlohmann::json& value) {
    if (!value.is_array()) value = secret_mask;
    if (value.is_array())
      for (auto& item : value) item = secret_mask;
  });
  return input;
}

std::vector<std::string> secret_values(const nlohmann::json& schema, const nlohmann::json& input) {
  std::vector<std::string> values;
  const auto add = [&](const nlohmann::json& value) {
    if (value.is_string() && value.get_ref<const std::string&>().size() >= shortest_bytes)
      values.push_back(value);
  };
  visit_secrets(schema, input, [&](const nlohmann::json& value) {
    add(value);
    if (value.is_array()) std::for_each(value.begin(), value.end(), add);
  });
  // The longest first, in case one is part of another.
  std::sort(values.begin(), values.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return values;
}

std::string without_secrets(std::string_view text, const std::vector<std::string>& secrets) {
  std::string shown(text);
  for (const auto& secret : secrets)
    for (std::size_t at = 0; (at = shown.find(secret, at)) != std::string::npos;) {
      shown.replace(at, secret.size(), secret_mask);
      at += sizeof secret_mask - 1;
    }
  return shown;
}

}  // namespace dream::host

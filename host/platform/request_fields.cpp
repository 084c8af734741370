#include "host/platform/request_fields.hpp"

#include <fmt/format.h>

namespace dream::host {
namespace {

[[noreturn]] void refuse(const std::string& field, const std::string& why) {
  throw Refusal(422, field + ": " + why, field);
}

}  // namespace

std::optional<std::string> text_field(const Json& body, const std::string& name,
                                      std::size_t longest) {
  const auto found = body.find(name);
  if (found == body.end() || found->is_null()) return std::nullopt;
  if (!found->is_string())
    refuse(name, fmt::format("a text is needed, not {}", to_text(*found).substr(0, 100)));
  std::string text = found->get<std::string>();
  if (text.empty()) return std::nullopt;
  if (text.size() > longest)
    refuse(name, fmt::format("it has {} bytes, at most {} are allowed", text.size(), longest));
  if (text.find('\0') != std::string::npos) refuse(name, "it holds a NUL character");
  return text;
}

std::optional<std::int64_t> number_field(const Json& body, const std::string& name,
                                         std::int64_t least, std::int64_t most) {
  const auto found = body.find(name);
  if (found == body.end() || found->is_null()) return std::nullopt;
  const bool fits = found->is_number_integer() && found->get<std::int64_t>() >= least &&
                    found->get<std::int64_t>() <= most;
  if (!fits)
    refuse(name, fmt::format("{} is not a whole number from {} to {}",
                             to_text(*found).substr(0, 100), least, most));
  return found->get<std::int64_t>();
}

}  // namespace dream::host

#include "weights/store/control_reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "weights/formats/text.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

constexpr std::size_t shown_bytes = 100;  // of a reference, which may be a picture itself

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = result.ec == std::errc{} && result.ptr == text.data() + text.size();
  return whole && !text.empty() ? std::optional(value) : std::nullopt;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

// Takes `[start,end]` off the end of `rest` where it is there.
void take_range(std::string_view& rest, ControlReference& control) {
  if (!rest.ends_with(']')) return;
  const auto open = rest.rfind('[');
  if (open == std::string_view::npos) return;
  const auto inner = rest.substr(open + 1, rest.size() - open - 2);
  const auto comma = inner.find(',');
  if (comma == std::string_view::npos) return;
  const auto start = number(inner.substr(0, comma));
  const auto end = number(inner.substr(comma + 1));
  if (!start || !end) return;
  control.guidance_start = *start;
  control.guidance_end = *end;
  rest = rest.substr(0, open);
}

void take_scale(std::string_view& rest, ControlReference& control) {
  const auto at = rest.rfind('@');
  if (at == std::string_view::npos) return;
  const auto scale = number(rest.substr(at + 1));
  if (!scale) return;
  control.scale = *scale;
  rest = rest.substr(0, at);
}

}  // namespace

ControlReference parse_control_reference(std::string_view text) {
  const auto shown = printable(std::string(text.substr(0, shown_bytes)));
  const auto equals = text.find('=');
  ControlReference control;
  control.name = text.substr(0, std::min(equals, text.size()));
  if (equals == std::string_view::npos || !is_name(control.name))
    throw Error(fmt::format("'{}' does not begin with a control's name: write it as "
                            "name=picture@scale[start,end], for example canny=photo.png@0.8[0,0.5]",
                            shown));
  auto rest = text.substr(equals + 1);
  take_range(rest, control);
  take_scale(rest, control);
  control.reference = rest;
  if (rest.empty()) throw Error(fmt::format("'{}' names no picture after the =", shown));
  if (!(control.scale >= 0 && control.scale <= max_control_scale))
    throw Error(fmt::format("'{}' has the scale {}: allowed are 0 to {}", shown, control.scale,
                            max_control_scale));
  const bool ordered = control.guidance_start >= 0 && control.guidance_end <= 1 &&
                       control.guidance_start <= control.guidance_end;
  if (!ordered)
    throw Error(fmt::format("'{}' has the range [{},{}]: it must lie within 0 to 1, and the start "
                            "not after the end",
                            shown, control.guidance_start, control.guidance_end));
  return control;
}

std::string control_reference_text(const ControlReference& control) {
  return fmt::format("{}={}@{}[{},{}]", control.name, control.reference, control.scale,
                     control.guidance_start, control.guidance_end);
}

}  // namespace dream::weights

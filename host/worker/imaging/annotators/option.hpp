// What an annotator may be told: one declaration from which its settings are read and from which
// the inputs of a control template are made.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

namespace dream::worker::imaging {

struct AnnotatorOption {
  std::string_view name;
  // Its kind is the option's type: flag, whole number, number, or one of `choices`.
  std::variant<bool, std::int64_t, double, std::string_view> fallback;
  std::string_view description;
  double lowest = 0, highest = 0;  // of numbers, both allowed
  std::span<const std::string_view> choices = {};
};

// An option that several annotators share: the size at which they look at the picture.
inline constexpr AnnotatorOption detect_resolution = {
    "detect_resolution", std::int64_t{512},
    "Pixels of the shorter side, in steps of 64, at which the annotator looks at the picture.", 64,
    2048};

}  // namespace dream::worker::imaging

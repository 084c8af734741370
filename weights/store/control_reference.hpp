// One further control of a request: `name=reference@scale[start,end]`, for example
// `canny=photo.png@0.8[0,0.5]`. Scale and range may be left out.
#pragma once

#include <string>
#include <string_view>

namespace dream::weights {

inline constexpr double max_control_scale = 2;

struct ControlReference {
  std::string name;       // of the control: "canny"
  std::string reference;  // to its picture
  double scale = 1.0;
  double guidance_start = 0.0, guidance_end = 1.0;  // share of the steps
};

// Throws Error that names the part which is wrong and what is allowed: a name of a-z, 0-9, '-',
// '_' and '.', a scale from 0 to 2, 0 <= start <= end <= 1.
ControlReference parse_control_reference(std::string_view text);

// What parse_control_reference() reads as this again, nothing left out.
std::string control_reference_text(const ControlReference& control);

}  // namespace dream::weights

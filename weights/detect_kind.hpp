// What a set of tensors is, told by their names: the table behind `dream weights inspect` and every
// "this is a LoRA, not a model" message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weights/tensor_view.hpp"

namespace dream::weights {

struct DetectedKind {
  std::string kind = "unknown";        // e.g. "UNet2DConditionModel", "LoRA (kohya)"
  std::string variant;                 // e.g. "SD 1.x-like", "inpainting"; empty when plain
  std::vector<std::string> unmatched;  // names that do not belong to this kind, ordered

  std::string label() const { return variant.empty() ? kind : kind + " " + variant; }
};

// Never throws for odd names or shapes: what fits no kind is "unknown", without unmatched names.
DetectedKind detect_kind(const WeightMap& tensors);

// Pattern language of the table. A pattern is split at dots; each segment is a choice between `|`:
// a literal, `#` (decimal digits), a literal with `*` at its end (prefix) or start (suffix), `*`
// alone. The segment `**` stands for any number of segments, none included.
bool matches_pattern(std::string_view name, std::string_view pattern);

}  // namespace dream::weights

// Whether a picture shows what should not be shown: CLIP's view of it is compared with the
// embeddings of 17 concepts, more strictly where one of 3 others is near. Names and arithmetic
// equal diffusers' StableDiffusionSafetyChecker.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

#include "sdk/engine/models/clip_image_processor.hpp"
#include "sdk/engine/models/clip_vision_model.hpp"

namespace dream::engine {

struct SafetyCheckerConfig {
  VisionEncoderConfig vision;
  std::int64_t projection_dim = 512;
};

// A config.json of transformers' CLIPConfig. Throws std::runtime_error naming file and key.
SafetyCheckerConfig read_safety_checker_config(Config config, const Warn& warn);

// Above 0: the concept is in the picture. Rounded to thousandths.
struct SafetyScores {
  std::array<float, 3> special_care{};
  std::array<float, 17> concepts{};

  bool flagged() const;
};

class StableDiffusionSafetyChecker {
 public:
  // Throws std::runtime_error naming tensor and shapes where the weights do not fit, or the sizes
  // where `processor` makes pictures that the vision encoder does not take.
  StableDiffusionSafetyChecker(const SafetyCheckerConfig& config,
                               const CLIPImageProcessor& processor, const Weights& weights);

  // Of a picture with 3 channels and any size.
  SafetyScores scores(const Picture& picture) const;

 private:
  CLIPImageProcessor processor_;
  CLIPVisionModel vision_model_;
  Linear visual_projection_;
  at::Tensor concept_embeds_, special_care_embeds_;      // normalized
  at::Tensor concept_weights_, special_care_weights_;  // thresholds, fp32 on the CPU
  Compute compute_;
};

}  // namespace dream::engine

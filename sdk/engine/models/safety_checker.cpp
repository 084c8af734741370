#include "sdk/engine/models/safety_checker.hpp"

#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace dream::engine {
namespace {

constexpr std::int64_t concepts = 17, special_concepts = 3;

// Rows of length 1; torch.nn.functional.normalize.
at::Tensor normalized(const at::Tensor& rows) {
  return rows / at::linalg_vector_norm(rows, 2, {1}, /*keepdim=*/true).clamp_min(1e-12);
}

// Without the inner name that published files carry and transformers 5 leaves out.
Weights vision_weights(const Weights& weights) {
  const auto outer = weights.scope("vision_model");
  return outer.has("vision_model.embeddings.class_embedding") ? outer.scope("vision_model") : outer;
}

// Python's round(x, 3) of a numpy.float32.
float rounded(float score) {
  return std::nearbyint(score * 1000.0F) / 1000.0F;
}

template <std::size_t Count>
void score(const at::Tensor& cosines, const at::Tensor& thresholds, float& adjustment,
           bool sharpens, std::array<float, Count>& scores) {
  const auto* cosine = cosines.const_data_ptr<float>();
  const auto* threshold = thresholds.const_data_ptr<float>();
  for (std::size_t i = 0; i < Count; ++i) {
    scores[i] = rounded(cosine[i] - threshold[i] + adjustment);
    if (sharpens && scores[i] > 0) adjustment = 0.01F;
  }
}

}  // namespace

SafetyCheckerConfig read_safety_checker_config(Config config, const Warn& warn) {
  SafetyCheckerConfig checker;
  checker.projection_dim = config.integer("projection_dim", 512);
  // Where both are set, transformers takes the older one.
  const bool older = config.has("vision_config_dict");
  config.has("vision_config");  // its word counts for nothing then
  checker.vision = read_vision_encoder_config(
      config.object(older ? "vision_config_dict" : "vision_config"), warn);
  config.ignore({"architectures", "dtype", "initializer_factor", "logit_scale_init_value",
                 "model_type", "text_config", "text_config_dict", "torch_dtype",
                 "transformers_version", "return_dict", "output_hidden_states",
                 "chunk_size_feed_forward", "id2label", "label2id", "is_encoder_decoder",
                 "output_attentions", "problem_type", "tie_word_embeddings"});
  config.finish(warn);
  return checker;
}

bool SafetyScores::flagged() const {
  return std::ranges::any_of(concepts, [](float score) { return score > 0; });
}

StableDiffusionSafetyChecker::StableDiffusionSafetyChecker(const SafetyCheckerConfig& config,
                                                           const CLIPImageProcessor& processor,
                                                           const Weights& weights)
    : processor_(processor),
      vision_model_(config.vision, vision_weights(weights)),
      visual_projection_(weights.scope("visual_projection"), config.vision.hidden_size,
                         config.projection_dim, /*has_bias=*/false),
      concept_embeds_(
          normalized(weights.tensor("concept_embeds", {concepts, config.projection_dim}))),
      special_care_embeds_(normalized(
          weights.tensor("special_care_embeds", {special_concepts, config.projection_dim}))),
      concept_weights_(
          weights.tensor("concept_embeds_weights", {concepts}).to(at::kCPU, at::kFloat)),
      special_care_weights_(weights.tensor("special_care_embeds_weights", {special_concepts})
                                .to(at::kCPU, at::kFloat)),
      compute_(weights.compute()) {
  if (processor.crop == config.vision.image_size) return;
  throw std::runtime_error(
      fmt::format("the safety checker looks at pictures of {} pixels, but preprocessor_config.json "
                  "says \"crop_size\" {}",
                  config.vision.image_size, processor.crop));
}

SafetyScores StableDiffusionSafetyChecker::scores(const Picture& picture) const {
  const auto pixels = processor_(picture).to(compute_.device, compute_.dtype);
  const auto embeds = normalized(visual_projection_(vision_model_.forward(pixels)));
  const auto cosines = [&](const at::Tensor& others) {
    return at::mm(embeds, others.t()).to(at::kCPU, at::kFloat).contiguous();
  };
  SafetyScores scores;
  float adjustment = 0;
  score(cosines(special_care_embeds_), special_care_weights_, adjustment, true,
        scores.special_care);
  score(cosines(concept_embeds_), concept_weights_, adjustment, false, scores.concepts);
  return scores;
}

}  // namespace dream::engine

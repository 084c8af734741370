#include "weights/detect_kind.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <span>

namespace dream::weights {
namespace {

using Patterns = std::span<const std::string_view>;

// ---- segments of a pattern ----

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return c >= '0' && c <= '9'; });
}

bool matches_choice(std::string_view segment, std::string_view choice) {
  if (choice == "#") return is_number(segment);
  if (choice == "*") return true;
  if (choice.ends_with('*')) return segment.starts_with(choice.substr(0, choice.size() - 1));
  if (choice.starts_with('*')) return segment.ends_with(choice.substr(1));
  return segment == choice;
}

bool matches_segment(std::string_view segment, std::string_view choices) {
  while (true) {
    const std::size_t bar = choices.find('|');
    if (matches_choice(segment, choices.substr(0, bar))) return true;
    if (bar == std::string_view::npos) return false;
    choices.remove_prefix(bar + 1);
  }
}

struct Split {
  std::string_view first;
  std::string_view rest;
  bool last;  // nothing follows `first`
};

Split split(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return {text, {}, true};
  return {text.substr(0, dot), text.substr(dot + 1), false};
}

// `name_done` and `pattern_done` tell an exhausted text from an empty last segment.
bool matches_from(std::string_view name, bool name_done, std::string_view pattern,
                  bool pattern_done) {
  if (pattern_done) return name_done;
  const Split wanted = split(pattern);
  if (wanted.first == "**") {
    while (true) {
      if (matches_from(name, name_done, wanted.rest, wanted.last)) return true;
      if (name_done) return false;
      const Split given = split(name);
      name = given.rest;
      name_done = given.last;
    }
  }
  const bool optional = wanted.first.ends_with('?');
  const std::string_view choices = wanted.first.substr(0, wanted.first.size() - (optional ? 1 : 0));
  if (!name_done) {
    const Split given = split(name);
    if (matches_segment(given.first, choices) &&
        matches_from(given.rest, given.last, wanted.rest, wanted.last))
      return true;
  }
  return optional && matches_from(name, name_done, wanted.rest, wanted.last);
}

// ---- the table ----

constexpr std::string_view unet_names[] = {
    "conv_in|conv_out|conv_norm_out.weight|bias",
    "time_embedding|add_embedding.linear_1|linear_2|cond_proj.weight|bias",
    "class_embedding.**",
    "encoder_hid_proj.**",
    "down_blocks|up_blocks.#.resnets.#.norm1|norm2|conv1|conv2|conv_shortcut|time_emb_proj."
    "weight|bias",
    "down_blocks|up_blocks.#.downsamplers|upsamplers.#.conv.weight|bias",
    "down_blocks|up_blocks.#.attentions.#.norm|proj_in|proj_out.weight|bias",
    "down_blocks|up_blocks.#.attentions.#.transformer_blocks.#.norm1|norm2|norm3.weight|bias",
    "down_blocks|up_blocks.#.attentions.#.transformer_blocks.#.attn1|attn2.to_q|to_k|to_v."
    "weight|bias",
    "down_blocks|up_blocks.#.attentions.#.transformer_blocks.#.attn1|attn2.to_out.0.weight|bias",
    "down_blocks|up_blocks.#.attentions.#.transformer_blocks.#.ff.net.#.proj?.weight|bias",
    "down_blocks|up_blocks.#.attentions.#.group_norm|query|key|value|proj_attn|to_q|to_k|to_v."
    "weight|bias",
    "mid_block.resnets.#.norm1|norm2|conv1|conv2|conv_shortcut|time_emb_proj.weight|bias",
    "mid_block.attentions.#.norm|proj_in|proj_out.weight|bias",
    "mid_block.attentions.#.transformer_blocks.#.norm1|norm2|norm3.weight|bias",
    "mid_block.attentions.#.transformer_blocks.#.attn1|attn2.to_q|to_k|to_v.weight|bias",
    "mid_block.attentions.#.transformer_blocks.#.attn1|attn2.to_out.0.weight|bias",
    "mid_block.attentions.#.transformer_blocks.#.ff.net.#.proj?.weight|bias",
};

constexpr std::string_view controlnet_names[] = {
    "controlnet_cond_embedding.conv_in|conv_out.weight|bias",
    "controlnet_cond_embedding.blocks.#.weight|bias",
    "controlnet_down_blocks.#.weight|bias",
    "controlnet_mid_block.weight|bias",
};

constexpr std::string_view vae_names[] = {
    "encoder|decoder.conv_in|conv_out|conv_norm_out.weight|bias",
    "encoder|decoder.down_blocks|up_blocks.#.resnets.#.norm1|norm2|conv1|conv2|conv_shortcut."
    "weight|bias",
    "encoder|decoder.down_blocks|up_blocks.#.downsamplers|upsamplers.#.conv.weight|bias",
    "encoder|decoder.mid_block.resnets.#.norm1|norm2|conv1|conv2|conv_shortcut.weight|bias",
    "encoder|decoder.mid_block.attentions.#.group_norm|to_q|to_k|to_v.weight|bias",
    "encoder|decoder.mid_block.attentions.#.query|key|value|proj_attn.weight|bias",
    "encoder|decoder.mid_block.attentions.#.to_out.0.weight|bias",
    "quant_conv|post_quant_conv.weight|bias",
};

constexpr std::string_view clip_text_names[] = {
    "text_model?.embeddings.token_embedding|position_embedding.weight",
    "text_model?.embeddings.position_ids",
    "text_model?.final_layer_norm.weight|bias",
    "text_model?.encoder.layers.#.layer_norm1|layer_norm2.weight|bias",
    "text_model?.encoder.layers.#.self_attn.q_proj|k_proj|v_proj|out_proj.weight|bias",
    "text_model?.encoder.layers.#.mlp.fc1|fc2.weight|bias",
    "text_projection.weight",
};

constexpr std::string_view safety_names[] = {
    "concept_embeds|concept_embeds_weights|special_care_embeds|special_care_embeds_weights",
    "vision_model.**",
    "visual_projection.weight",
};

constexpr std::string_view t2i_names[] = {
    "adapter?.conv_in.weight|bias",
    "adapter?.body.#.**",
};

constexpr std::string_view single_file_names[] = {
    "model.diffusion_model.input_blocks|middle_block|output_blocks|time_embed|out|label_emb.**",
    "first_stage_model.encoder|decoder|quant_conv|post_quant_conv.**",
    "cond_stage_model.transformer|model.**",
    "cond_stage_model.logit_scale",
    "conditioner.embedders.**",
    "control_model.**",
    "model_ema.**",
    "alphas_cumprod|alphas_cumprod_prev|betas|log_one_minus_alphas_cumprod|logvar",
    "posterior_log_variance_clipped|posterior_mean_coef1|posterior_mean_coef2|posterior_variance",
    "sqrt_alphas_cumprod|sqrt_one_minus_alphas_cumprod|sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod|scale_factor",
};

constexpr std::string_view single_controlnet_names[] = {
    "control_model?.input_blocks|middle_block|time_embed|zero_convs|input_hint_block.**",
    "control_model?.middle_block_out.**",
};

constexpr std::string_view kohya_names[] = {
    "lora_unet_*|lora_te_*|lora_te1_*|lora_te2_*.lora_down|lora_up|lora_mid.weight",
    "lora_unet_*|lora_te_*|lora_te1_*|lora_te2_*.alpha|dora_scale|diff|diff_b",
    "lora_unet_*|lora_te_*|lora_te1_*|lora_te2_*.hada_w1_a|hada_w1_b|hada_w2_a|hada_w2_b",
    "lora_unet_*|lora_te_*|lora_te1_*|lora_te2_*.hada_t1|hada_t2",
    "lora_unet_*|lora_te_*|lora_te1_*|lora_te2_*.lokr_w1|lokr_w1_a|lokr_w1_b",
    "lora_unet_*|lora_te_*|lora_te1_*|lora_te2_*.lokr_w2|lokr_w2_a|lokr_w2_b|lokr_t2",
};

constexpr std::string_view peft_names[] = {
    "**.lora_A|lora_B.default?.weight|bias",
    "**.lora_embedding_A|lora_embedding_B.default?",
    "**.lora_magnitude_vector.default?.weight?",
    "**.alpha|dora_scale",
};

constexpr std::string_view attn_procs_names[] = {
    "**.processor.to_q_lora|to_k_lora|to_v_lora|to_out_lora.down|up.weight",
    "**.lora_linear_layer|lora.down|up.weight",
    "**.to_q_lora|to_k_lora|to_v_lora|to_out_lora.down|up.weight",
    "**.alpha",
};

constexpr std::string_view embedding_names[] = {"string_to_param.**", "emb_params"};

constexpr std::string_view sd_signature[] = {"model.diffusion_model.input_blocks.#.**"};
constexpr std::string_view single_controlnet_signature[] = {
    "control_model?.input_hint_block.#.weight"};
constexpr std::string_view loha_signature[] = {"lora_*.hada_w1_a"};
constexpr std::string_view lokr_signature[] = {"lora_*.lokr_w1|lokr_w1_a"};
constexpr std::string_view kohya_signature[] = {
    "lora_unet_*|lora_te_*|lora_te1_*|lora_te2_*.lora_down.weight"};
constexpr std::string_view full_diff_signature[] = {"lora_*.diff"};
constexpr std::string_view peft_signature[] = {"**.lora_A.default?.weight"};
constexpr std::string_view attn_procs_signature[] = {
    "**.to_q_lora|to_k_lora|to_v_lora|to_out_lora|lora_linear_layer|lora.down.weight"};
constexpr std::string_view controlnet_signature[] = {"controlnet_down_blocks.#.weight"};
constexpr std::string_view unet_signature[] = {
    "conv_in.weight", "down_blocks.#.resnets.#.conv1.weight", "up_blocks.#.resnets.#.conv1.weight"};
constexpr std::string_view vae_signature[] = {"decoder.conv_in.weight"};
constexpr std::string_view safety_signature[] = {"concept_embeds"};
constexpr std::string_view clip_text_signature[] = {
    "text_model?.embeddings.token_embedding.weight"};
constexpr std::string_view t2i_signature[] = {"adapter?.body.#.**"};
constexpr std::string_view embedding_signature[] = {"string_to_param|emb_params.**"};

struct Rule {
  std::string_view kind;
  Patterns signature;  // each must match some name
  Patterns names;      // what belongs
  Patterns more_names = {};
};

// The first rule whose signature is present wins, so the more specific ones stand first.
constexpr Rule rules[] = {
    {"single-file SD checkpoint", sd_signature, single_file_names},
    {"single-file ControlNet", single_controlnet_signature, single_controlnet_names},
    {"LoRA (LoHa)", loha_signature, kohya_names},
    {"LoRA (LoKr)", lokr_signature, kohya_names},
    {"LoRA (kohya)", kohya_signature, kohya_names},
    {"LoRA (full difference)", full_diff_signature, kohya_names},
    {"LoRA (PEFT)", peft_signature, peft_names},
    {"LoRA (diffusers attn-procs)", attn_procs_signature, attn_procs_names},
    {"ControlNetModel", controlnet_signature, unet_names, controlnet_names},
    {"UNet2DConditionModel", unet_signature, unet_names},
    {"AutoencoderKL", vae_signature, vae_names},
    {"StableDiffusionSafetyChecker", safety_signature, safety_names},
    {"CLIPTextModel", clip_text_signature, clip_text_names},
    {"T2IAdapter", t2i_signature, t2i_names},
    {"textual inversion", embedding_signature, embedding_names},
};

// ---- from names to a kind ----

bool matches_any(std::string_view name, Patterns patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](std::string_view pattern) { return matches_pattern(name, pattern); });
}

bool is_present(const WeightMap& tensors, std::string_view pattern) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const auto& entry) { return matches_pattern(entry.first, pattern); });
}

// Width of the text embeddings that cross-attention (or a LoRA of it) takes; 0 when nothing tells.
std::int64_t context_width(const WeightMap& tensors) {
  for (const auto& [name, tensor] : tensors) {
    const auto holds = [&, &key = name](std::string_view part) {
      return key.find(part) != std::string::npos;
    };
    if (!holds("attn2") || !holds("to_k") || !name.ends_with("weight")) continue;
    if (holds("lora_up") || holds("lora_B") || holds(".up.")) continue;
    if (tensor.shape.size() >= 2) return tensor.shape[1];
  }
  return 0;
}

std::string family(std::int64_t width) {
  if (width == 768) return "SD 1.x-like";
  if (width == 1024) return "SD 2.x-like";
  if (width == 2048) return "SDXL-like";
  return width > 0 ? fmt::format("with text embeddings of width {}", width) : std::string{};
}

std::int64_t dimension(const WeightMap& tensors, std::string_view name, std::size_t axis) {
  const auto found = tensors.find(name);
  return found != tensors.end() && axis < found->second.shape.size() ? found->second.shape[axis]
                                                                     : 0;
}

std::string find_variant(std::string_view kind, const WeightMap& tensors) {
  if (kind == "CLIPTextModel") {
    for (const auto& [name, tensor] : tensors) {
      if (name.ends_with("token_embedding.weight") && tensor.shape.size() == 2)
        return family(tensor.shape[1]);
    }
    return {};
  }
  std::string variant = family(context_width(tensors));
  const auto add = [&](std::string_view what) {
    if (!variant.empty()) variant += ", ";
    variant += what;
  };
  std::int64_t channels = dimension(tensors, "conv_in.weight", 1);
  if (kind == "single-file SD checkpoint")
    channels = dimension(tensors, "model.diffusion_model.input_blocks.0.0.weight", 1);
  const bool has_latents = kind == "UNet2DConditionModel" || kind == "single-file SD checkpoint";
  if (has_latents && channels == 9) add("inpainting");
  if (is_present(tensors, "**.dora_scale") || is_present(tensors, "**.lora_magnitude_vector.**"))
    add("DoRA");
  return variant;
}

// `{"<token>": vector}`, which has no fixed names: few vectors of a text encoder's width.
bool is_plain_embedding(const WeightMap& tensors) {
  if (tensors.empty() || tensors.size() > 4) return false;
  return std::all_of(tensors.begin(), tensors.end(), [](const auto& entry) {
    const auto& shape = entry.second.shape;
    if (shape.empty() || shape.size() > 2 || entry.first.find('.') != std::string::npos)
      return false;
    return shape.back() == 768 || shape.back() == 1024 || shape.back() == 1280;
  });
}

}  // namespace

bool matches_pattern(std::string_view name, std::string_view pattern) {
  constexpr std::size_t longest = 1024;  // no real name comes near; bounds the search
  return name.size() <= longest && matches_from(name, false, pattern, false);
}

DetectedKind detect_kind(const WeightMap& tensors) {
  DetectedKind detected;
  for (const Rule& rule : rules) {
    if (!std::all_of(rule.signature.begin(), rule.signature.end(),
                     [&](std::string_view pattern) { return is_present(tensors, pattern); }))
      continue;
    detected.kind = rule.kind;
    detected.variant = find_variant(rule.kind, tensors);
    for (const auto& [name, tensor] : tensors) {
      if (!matches_any(name, rule.names) && !matches_any(name, rule.more_names))
        detected.unmatched.push_back(name);
    }
    return detected;
  }
  if (is_plain_embedding(tensors)) detected.kind = "textual inversion";
  return detected;
}

}  // namespace dream::weights

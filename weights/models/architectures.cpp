#include "weights/models/architectures.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

using nlohmann::json;

constexpr const char* diffusers_version = "0.42.1";

// What sets the members of the family apart.
struct Family {
  bool version_2 = false;
  bool tiny = false;
  bool v_prediction = false;
  int in_channels = 4;
  bool emoji = false;      // for the bundled emoji-sd
  bool light = false;      // of T2I-Adapters
  bool grey = false;       // of T2I-Adapters: they take a map of one channel
};

json unet_common(const Family& family) {
  json config = {
      {"_diffusers_version", diffusers_version},
      {"act_fn", "silu"},
      {"block_out_channels", {320, 640, 1280, 1280}},
      {"cross_attention_dim", family.version_2 ? 1024 : 768},
      {"attention_head_dim", 8},
      {"down_block_types",
       {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"}},
      {"downsample_padding", 1},
      {"flip_sin_to_cos", true},
      {"freq_shift", 0},
      {"in_channels", family.in_channels},
      {"layers_per_block", 2},
      {"mid_block_scale_factor", 1},
      {"norm_eps", 1e-05},
      {"norm_num_groups", 32},
      {"use_linear_projection", family.version_2},
  };
  if (family.version_2) config["attention_head_dim"] = {5, 10, 20, 20};
  if (family.tiny) {
    config["block_out_channels"] = {32, 64, 64, 64};
    config["cross_attention_dim"] = 32;
    config["layers_per_block"] = 1;
    if (family.version_2) config["attention_head_dim"] = {2, 4, 4, 4};
  }
  if (family.emoji) {
    config["block_out_channels"] = {64, 128, 192};
    config["down_block_types"] = {"DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"};
    config["cross_attention_dim"] = 128;
    config["attention_head_dim"] = 4;
    config["layers_per_block"] = 1;
    config["norm_num_groups"] = 16;
  }
  return config;
}

json unet_config(const Family& family) {
  json config = unet_common(family);
  config["_class_name"] = "UNet2DConditionModel";
  config["center_input_sample"] = false;
  config["out_channels"] = 4;
  config["sample_size"] = family.tiny ? 16 : family.v_prediction ? 96 : 64;
  config["up_block_types"] = {"UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D",
                              "CrossAttnUpBlock2D"};
  return config;
}

json controlnet_config(const Family& family) {
  json config = unet_common(family);
  config["_class_name"] = "ControlNetModel";
  config["conditioning_channels"] = 3;
  config["conditioning_embedding_out_channels"] = {16, 32, 96, 256};
  config["controlnet_conditioning_channel_order"] = "rgb";
  return config;
}

json t2i_adapter_config(const Family& family) {
  json channels = {320, 640, 1280, 1280};
  if (family.tiny) channels = {32, 64, 64, 64};
  if (family.emoji) channels = {64, 128, 192};
  if (family.light) channels.erase(channels.size() - 1);  // its last level is there twice
  return {{"_class_name", "T2IAdapter"},
          {"_diffusers_version", diffusers_version},
          {"adapter_type", family.light ? "light_adapter" : "full_adapter"},
          {"channels", channels},
          {"downscale_factor", 8},
          {"in_channels", family.grey ? 1 : 3},
          {"num_res_blocks", family.light ? 4 : 2}};
}

json autoencoder_config(const Family& family) {
  const int layers = family.tiny ? 1 : 2;
  json channels = {128, 256, 512, 512};
  if (family.tiny) channels = {32, 32, 32, 32};
  return {{"_class_name", "AutoencoderKL"},
          {"_diffusers_version", diffusers_version},
          {"act_fn", "silu"},
          {"block_out_channels", channels},
          {"down_block_types", std::vector<std::string>(4, "DownEncoderBlock2D")},
          {"in_channels", 3},
          {"latent_channels", 4},
          {"layers_per_block", layers},
          {"norm_num_groups", 32},
          {"out_channels", 3},
          {"sample_size", family.tiny ? 128 : family.v_prediction ? 768 : 512},
          {"scaling_factor", 0.18215},
          {"up_block_types", std::vector<std::string>(4, "UpDecoderBlock2D")}};
}

json text_encoder_config(const Family& family) {
  const int width = family.tiny ? 32 : family.version_2 ? 1024 : 768;
  return {{"architectures", {"CLIPTextModel"}},
          {"bos_token_id", 49406},
          {"eos_token_id", 49407},
          {"hidden_act", family.version_2 ? "gelu" : "quick_gelu"},
          {"hidden_size", width},
          {"intermediate_size", 4 * width},
          {"layer_norm_eps", 1e-05},
          {"max_position_embeddings", 77},
          {"model_type", "clip_text_model"},
          {"num_attention_heads", family.tiny ? 4 : width / 64},
          {"num_hidden_layers", family.tiny ? 2 : family.version_2 ? 23 : 12},
          {"pad_token_id", family.version_2 ? 0 : 49407},
          {"projection_dim", width},
          {"vocab_size", 49408}};
}

json scheduler_config(const Family& family) {
  return {{"_class_name", "PNDMScheduler"},
          {"_diffusers_version", diffusers_version},
          {"beta_end", 0.012},
          {"beta_schedule", "scaled_linear"},
          {"beta_start", 0.00085},
          {"num_train_timesteps", 1000},
          {"prediction_type", family.v_prediction ? "v_prediction" : "epsilon"},
          {"set_alpha_to_one", false},
          {"skip_prk_steps", true},
          {"steps_offset", 1},
          {"timestep_spacing", "leading"},
          {"trained_betas", nullptr}};
}

Architecture text_to_image(const Family& family) {
  Architecture model;
  model.pipeline = family.in_channels == 9 ? "StableDiffusionInpaintPipeline"
                                           : "StableDiffusionPipeline";
  model.scheduler = scheduler_config(family);
  model.components = {
      {"unet", "diffusers", "UNet2DConditionModel", unet_config(family)},
      {"vae", "diffusers", "AutoencoderKL", autoencoder_config(family)},
      {"text_encoder", "transformers", "CLIPTextModel", text_encoder_config(family)},
  };
  if (family.version_2) model.pad_token = "!";
  return model;
}

Architecture controlnet(const Family& family) {
  Architecture model;
  model.components = {{"", "diffusers", "ControlNetModel", controlnet_config(family)}};
  return model;
}

Architecture t2i_adapter(const Family& family) {
  Architecture model;
  model.components = {{"", "diffusers", "T2IAdapter", t2i_adapter_config(family)}};
  return model;
}

struct Named {
  const char* name;
  Architecture (*make)(const Family&);
  Family family;
};

constexpr Named architectures[] = {
    {"sd15", text_to_image, {}},
    {"sd15-tiny", text_to_image, {.tiny = true}},
    {"sd15-inpaint", text_to_image, {.in_channels = 9}},
    {"sd15-inpaint-tiny", text_to_image, {.tiny = true, .in_channels = 9}},
    {"sd21", text_to_image, {.version_2 = true, .v_prediction = true}},
    {"sd21-base", text_to_image, {.version_2 = true}},
    {"sd21-tiny", text_to_image, {.version_2 = true, .tiny = true, .v_prediction = true}},
    {"controlnet", controlnet, {}},
    {"controlnet-tiny", controlnet, {.tiny = true}},
    {"controlnet-emoji", controlnet, {.emoji = true}},
    {"t2i-adapter", t2i_adapter, {}},
    {"t2i-adapter-sketch", t2i_adapter, {.grey = true}},
    {"t2i-adapter-color", t2i_adapter, {.light = true}},
    {"t2i-adapter-tiny", t2i_adapter, {.tiny = true}},
    {"t2i-adapter-color-tiny", t2i_adapter, {.tiny = true, .light = true}},
    {"t2i-adapter-emoji", t2i_adapter, {.emoji = true}},
};

}  // namespace

std::vector<std::string> architecture_names() {
  std::vector<std::string> names;
  for (const Named& architecture : architectures) names.emplace_back(architecture.name);
  return names;
}

Architecture find_architecture(std::string_view name) {
  const auto* found =
      std::ranges::find_if(architectures, [&](const Named& each) { return each.name == name; });
  if (found == std::end(architectures))
    throw Error(fmt::format("there is no architecture '{}': known are {}", name,
                            fmt::join(architecture_names(), ", ")));
  return found->make(found->family);
}

}  // namespace dream::weights

// LoRA keys told apart, and layer names found under each spelling.
#include <gtest/gtest.h>

#include "sdk/engine/adapters/layer_names.hpp"
#include "sdk/engine/adapters/lora_key.hpp"

namespace dream::engine {
namespace {

struct Case {
  const char* key;
  LoraTarget target;
  const char* layer;
  const char* part;
};

TEST(LoraKey, KnowsEveryLayout) {
  const Case cases[] = {
      {"lora_unet_conv_in.lora_down.weight", LoraTarget::unet, "conv_in", "down"},
      {"lora_te_text_model_encoder_layers_0_mlp_fc1.alpha", LoraTarget::text_encoder,
       "text_model_encoder_layers_0_mlp_fc1", "alpha"},
      {"lora_te1_x.hada_w1_a", LoraTarget::text_encoder, "x", "hada_w1_a"},
      {"lora_te2_x.lora_up.weight", LoraTarget::other, "x", "up"},
      {"lora_unet_x.lokr_w2_b", LoraTarget::unet, "x", "lokr_w2_b"},
      {"lora_unet_x.lora_mid.weight", LoraTarget::unet, "x", "mid"},
      {"lora_unet_x.w_norm", LoraTarget::unet, "x", "diff"},
      {"lora_unet_x.b_norm", LoraTarget::unet, "x", "diff_b"},
      {"lora_unet_x.dora_scale", LoraTarget::unet, "x", "dora_scale"},
      {"mid_block.attn1.processor.to_q_lora.down.weight", LoraTarget::either,
       "mid_block_attn1_to_q", "down"},
      {"unet.mid_block.attn1.processor.to_out_lora.up.weight", LoraTarget::unet,
       "mid_block_attn1_to_out", "up"},
      {"unet.mid_block.attn1.to_out.0.lora.up.weight", LoraTarget::unet, "mid_block_attn1_to_out_0",
       "up"},
      {"text_encoder.text_model.q_proj.lora_linear_layer.down.weight", LoraTarget::text_encoder,
       "text_model_q_proj", "down"},
      {"unet.conv_in.lora_A.weight", LoraTarget::unet, "conv_in", "down"},
      {"base_model.model.conv_in.lora_B.default.weight", LoraTarget::either, "conv_in", "up"},
      {"base_model.model.unet.conv_in.lora_B.bias", LoraTarget::unet, "conv_in", "up_bias"},
      {"unet.conv_in.lora_magnitude_vector", LoraTarget::unet, "conv_in", "magnitude"},
      {"unet.conv_in.lora_magnitude_vector.default.weight", LoraTarget::unet, "conv_in",
       "magnitude"},
      {"diffusion_model.out.2.lora_up.weight", LoraTarget::unet, "out_2", "up"},
  };
  for (const auto& [key, target, layer, part] : cases) {
    const auto parsed = parse_lora_key(key);
    ASSERT_TRUE(parsed) << key;
    EXPECT_EQ(parsed->target, target) << key;
    EXPECT_EQ(parsed->layer, layer) << key;
    EXPECT_EQ(parsed->part, part) << key;
  }
  for (const char* key : {"conv_in.weight", "", ".alpha", "lora_unet_x.oft_blocks", "alpha",
                          "unet.x.lora_embedding_A", "unet.x.lora_A.bias"})
    EXPECT_FALSE(parse_lora_key(key)) << key;
}

// The names of every residual block and transformer of SD 1.x.
TensorShapes sd1() {
  TensorShapes tensors;
  const auto add = [&](const std::string& module) {
    tensors[module + ".weight"] = {1};
    tensors[module + ".bias"] = {1};
  };
  const auto block = [&](const std::string& name, int resnets, int attentions) {
    for (int i = 0; i < resnets; ++i) add(name + ".resnets." + std::to_string(i) + ".conv1");
    for (int i = 0; i < attentions; ++i)
      add(name + ".attentions." + std::to_string(i) + ".transformer_blocks.0.attn1.to_out.0");
  };
  for (int i = 0; i < 4; ++i) {
    const auto down = "down_blocks." + std::to_string(i), up = "up_blocks." + std::to_string(i);
    block(down, 2, i < 3 ? 2 : 0);
    block(up, 3, i > 0 ? 3 : 0);
    if (i < 3) add(down + ".downsamplers.0.conv");
    if (i < 3) add(up + ".upsamplers.0.conv");
  }
  block("mid_block", 2, 1);
  return tensors;
}

TEST(LayerNames, KnowsTheOriginalCheckpointsNames) {
  const auto names = LayerNames::of_unet(sd1());
  const std::pair<const char*, const char*> cases[] = {
      {"input_blocks_1_0_in_layers_2", "down_blocks.0.resnets.0.conv1"},
      {"input_blocks_3_0_op", "down_blocks.0.downsamplers.0.conv"},
      {"input_blocks_8_1_transformer_blocks_0_attn1_to_out_0",
       "down_blocks.2.attentions.1.transformer_blocks.0.attn1.to_out.0"},
      {"input_blocks_11_0_in_layers_2", "down_blocks.3.resnets.1.conv1"},
      {"middle_block_2_in_layers_2", "mid_block.resnets.1.conv1"},
      {"output_blocks_2_1_conv", "up_blocks.0.upsamplers.0.conv"},
      {"output_blocks_5_2_conv", "up_blocks.1.upsamplers.0.conv"},
      {"output_blocks_11_1_transformer_blocks_0_attn1_to_out",
       "up_blocks.3.attentions.2.transformer_blocks.0.attn1.to_out.0"},
      {"up_blocks_3_attentions_2_transformer_blocks_0_attn1_to_out_0",
       "up_blocks.3.attentions.2.transformer_blocks.0.attn1.to_out.0"},
  };
  for (const auto& [flat, module] : cases) EXPECT_EQ(names.find(flat), module) << flat;
  EXPECT_EQ(names.find("input_blocks_12_0_in_layers_2"), "");
  EXPECT_EQ(names.find(""), "");
}

TEST(LayerNames, KnowsTheTextEncoderWithAndWithoutItsPrefix) {
  const auto names = LayerNames::of_text_encoder(
      {{"text_model.encoder.layers.0.self_attn.out_proj.weight", {1}}});
  const auto* module = "text_model.encoder.layers.0.self_attn.out_proj";
  EXPECT_EQ(names.find("text_model_encoder_layers_0_self_attn_out_proj"), module);
  EXPECT_EQ(names.find("encoder_layers_0_self_attn_out_proj"), module);
  EXPECT_EQ(names.find("text_model_encoder_layers_0_self_attn_to_out"), module);
}

}  // namespace
}  // namespace dream::engine

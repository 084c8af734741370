#include "weights/inspect.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/weights/files.hpp"
#include "weights/detect_kind.hpp"
#include "weights/formats/text.hpp"

namespace dream::weights {
namespace {

using namespace testing;

WeightMap named(const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& tensors) {
  WeightMap map;
  for (const auto& [name, shape] : tensors) map[name] = {DType::f32, shape, {}, nullptr};
  return map;
}

std::string label(const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& tensors) {
  return detect_kind(named(tensors)).label();
}

TEST(Patterns, MatchSegments) {
  EXPECT_TRUE(matches_pattern("a.12.b", "a.#.b|c"));
  EXPECT_FALSE(matches_pattern("a.x.b", "a.#.b"));
  EXPECT_FALSE(matches_pattern("a.1.b.c", "a.#.b"));
  EXPECT_FALSE(matches_pattern("a.1", "a.#.b"));
  EXPECT_TRUE(matches_pattern("lora_unet_x.alpha", "lora_unet_*.alpha"));
  EXPECT_TRUE(matches_pattern("x.y.lora_A.weight", "**.lora_A.weight"));
  EXPECT_TRUE(matches_pattern("lora_A.weight", "**.lora_A.weight"));
  EXPECT_TRUE(matches_pattern("a", "a.**"));
  EXPECT_TRUE(matches_pattern("a.b.c", "a.**"));
  EXPECT_TRUE(matches_pattern("b.c", "a?.b.c"));
  EXPECT_TRUE(matches_pattern("a.b.c", "a?.b.c"));
  EXPECT_FALSE(matches_pattern("", "a"));
  EXPECT_FALSE(matches_pattern("a.", "a"));
  EXPECT_FALSE(matches_pattern(std::string(100'000, '.'), "**.a"));
}

TEST(DetectKind, KnowsTheKinds) {
  const std::string block = "down_blocks.0.resnets.0.conv1.weight";
  const std::string attention = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight";
  const std::string up = "up_blocks.0.resnets.0.conv1.weight";
  EXPECT_EQ(
      label({{"conv_in.weight", {320, 4, 3, 3}}, {block, {1}}, {up, {1}}, {attention, {320, 768}}}),
      "UNet2DConditionModel SD 1.x-like");
  EXPECT_EQ(
      label(
          {{"conv_in.weight", {320, 9, 3, 3}}, {block, {1}}, {up, {1}}, {attention, {320, 1024}}}),
      "UNet2DConditionModel SD 2.x-like, inpainting");
  EXPECT_EQ(label({{"conv_in.weight", {320, 4, 3, 3}},
                   {block, {1}},
                   {attention, {320, 768}},
                   {"controlnet_down_blocks.0.weight", {1}}}),
            "ControlNetModel SD 1.x-like");
  EXPECT_EQ(label({{"decoder.conv_in.weight", {1}}}), "AutoencoderKL");
  EXPECT_EQ(label({{"embeddings.token_embedding.weight", {49408, 768}}}),
            "CLIPTextModel SD 1.x-like");
  EXPECT_EQ(label({{"text_model.embeddings.token_embedding.weight", {49408, 1024}}}),
            "CLIPTextModel SD 2.x-like");
  EXPECT_EQ(label({{"concept_embeds", {17, 768}}}), "StableDiffusionSafetyChecker");
  EXPECT_EQ(label({{"adapter.body.0.in_conv.weight", {1}}}), "T2IAdapter");
  EXPECT_EQ(label({{"model.diffusion_model.input_blocks.0.0.weight", {320, 4, 3, 3}}}),
            "single-file SD checkpoint");
  EXPECT_EQ(label({{"control_model.input_hint_block.0.weight", {1}}}), "single-file ControlNet");
  EXPECT_EQ(label({{"string_to_param.*", {2, 768}}}), "textual inversion");
  EXPECT_EQ(label({{"<cat>", {768}}}), "textual inversion");
  EXPECT_EQ(label({{"<cat>", {5}}}), "unknown");
  EXPECT_EQ(label({}), "unknown");
}

TEST(DetectKind, KnowsTheLoraLayouts) {
  const std::string kohya = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k";
  EXPECT_EQ(label({{kohya + ".lora_down.weight", {4, 768}},
                   {kohya + ".lora_up.weight", {320, 4}},
                   {kohya + ".alpha", {}}}),
            "LoRA (kohya) SD 1.x-like");
  EXPECT_EQ(label({{kohya + ".lora_down.weight", {4, 768}}, {kohya + ".dora_scale", {768}}}),
            "LoRA (kohya) SD 1.x-like, DoRA");
  EXPECT_EQ(label({{"lora_te_text_model_encoder_layers_0_mlp_fc1.hada_w1_a", {4, 4}}}),
            "LoRA (LoHa)");
  EXPECT_EQ(label({{"lora_unet_x.lokr_w1", {4, 4}}}), "LoRA (LoKr)");
  EXPECT_EQ(label({{"lora_unet_x.diff", {4, 4}}}), "LoRA (full difference)");
  EXPECT_EQ(label({{"unet.down_blocks.0.attn2.to_k.lora_A.weight", {4, 1024}}}),
            "LoRA (PEFT) SD 2.x-like");
  EXPECT_EQ(label({{"down_blocks.0.attn1.processor.to_q_lora.down.weight", {4, 320}}}),
            "LoRA (diffusers attn-procs)");
}

TEST(DetectKind, ListsNamesThatDoNotBelong) {
  const DetectedKind kind = detect_kind(
      named({{"decoder.conv_in.weight", {1}}, {"decoder.typo.weight", {1}}, {"loss.logvar", {}}}));
  EXPECT_EQ(kind.unmatched, (std::vector<std::string>{"decoder.typo.weight", "loss.logvar"}));
}

TEST(Inspect, ReportsTheBundledModel) {
  const auto root = std::filesystem::path(DREAM_SOURCE_DIR) / "weights/emoji-sd/model";
  const nlohmann::json report = inspect(root);
  EXPECT_EQ(report["type"], "folder");
  EXPECT_EQ(report["class"], "StableDiffusionPipeline");
  ASSERT_EQ(report["components"].size(), 3u);
  const nlohmann::json& unet = report["components"][1];
  EXPECT_EQ(unet["name"], "unet");
  EXPECT_EQ(unet["kind"], "UNet2DConditionModel");
  EXPECT_EQ(unet["tensor_count"], 326);
  EXPECT_EQ(unet["dtypes"]["F16"], 326);
  EXPECT_EQ(unet["files"][0], "unet/diffusion_pytorch_model.safetensors");
  EXPECT_EQ(report["totals"]["unmatched"], 0);
  EXPECT_EQ(report["totals"]["tensors"], 562);
  EXPECT_EQ(report["other"].size(), 2u);
  const std::string text = format_report(report);
  EXPECT_NE(text.find("unet: UNet2DConditionModel"), std::string::npos) << text.substr(0, 500);
  EXPECT_NE(text.find("unet/conv_in.weight  F16 [64, 4, 3, 3]  4.5 KiB"), std::string::npos);
}

TEST(Inspect, ReportsOneFileAndEscapesItsNames) {
  const TemporaryFolder files;
  const auto path = files.write(
      "x.safetensors",
      safetensors(R"({"__metadata__":{"k\u001b":"v\u001b"},)"
                  R"("\u001b[31mred":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})",
                  "12345678"));
  const nlohmann::json report = inspect(path);
  EXPECT_EQ(report["type"], "file");
  EXPECT_EQ(report["components"][0]["kind"], "unknown");
  EXPECT_EQ(report["components"][0]["files"][0], "x.safetensors");
  EXPECT_EQ(report["totals"]["parameters"], 0);
  EXPECT_EQ(report["totals"]["bytes"], 8);
  EXPECT_EQ(format_report(report).find('\x1b'), std::string::npos);
}

TEST(Inspect, SaysWhichComponentIsNotThere) {
  const TemporaryFolder files;
  files.write("model_index.json", R"({"vae":["diffusers","AutoencoderKL"],"a/b":["x","Y"]})");
  const nlohmann::json report = inspect(files.path());
  ASSERT_EQ(report["other"].size(), 2u);
  EXPECT_EQ(report["other"][1]["missing"], true);
  EXPECT_NE(format_report(report).find("vae (AutoencoderKL, folder missing)"), std::string::npos);
}

TEST(Inspect, FindsTheOnlyFileOfAFolder) {
  const TemporaryFolder files;
  EXPECT_NE(error_of([&] { inspect(files.path()); }).find("neither model_index.json nor"),
            std::string::npos);
  files.write("my-lora.safetensors", safetensors("{}"));
  EXPECT_EQ(inspect(files.path())["components"][0]["files"][0], "my-lora.safetensors");
  files.write("other.safetensors", safetensors("{}"));
  EXPECT_NE(error_of([&] { inspect(files.path()); }).find("name one of them"), std::string::npos);
  EXPECT_NE(error_of([&] { inspect(files.path() / "gone"); }).find("no such file or folder"),
            std::string::npos);
}

TEST(Inspect, SaysBytesInWords) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(std::uint64_t{5} << 30), "5.0 GiB");
}

TEST(Text, ChecksUtf8) {
  EXPECT_TRUE(is_utf8("a\u00e4\u20ac\U0001f600"));
  for (const char* bad :
       {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"})
    EXPECT_FALSE(is_utf8(bad));
}

TEST(Text, PrintableCutsAndEscapes) {
  EXPECT_EQ(printable("a\nb\xff"),
            "a\\x0a"
            "b\\xff");
  EXPECT_EQ(printable(std::string(500, 'x'), 10), "xxxxxxxxxx…");
  EXPECT_TRUE(
      is_utf8(printable("\xc2\x9b"
                        "31m")));
  EXPECT_EQ(printable("\xc2\x9b").find('\x9b'), std::string::npos);
}

}  // namespace
}  // namespace dream::weights

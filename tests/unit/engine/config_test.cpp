// config.json: supported keys are read with their defaults, everything else is spoken about.
#include "sdk/engine/tensor/config.hpp"

#include <gtest/gtest.h>

#include "sdk/engine/models/unet_config.hpp"

namespace dream::engine {
namespace {

using nlohmann::json;

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "no error";
}

TEST(Config, ReadsValuesAndDefaults) {
  Config config({{"i", 3}, {"d", 0.5}, {"b", true}, {"s", "x"}, {"n", nullptr}}, "a/config.json");
  EXPECT_EQ(config.integer("i"), 3);
  EXPECT_EQ(config.integer("n", 7), 7);
  EXPECT_EQ(config.number("d", 1), 0.5);
  EXPECT_TRUE(config.flag("b", false));
  EXPECT_EQ(config.text("s", ""), "x");
  EXPECT_TRUE(config.is_null("n"));
  EXPECT_FALSE(config.is_null("absent"));
  EXPECT_NO_THROW(config.finish({}));
}

TEST(Config, NamesFileAndKey) {
  Config config({{"i", "three"}, {"list", {1, "two"}}, {"far", 1e9}}, "unet/config.json");
  EXPECT_EQ(message_of([&] { config.integer("i"); }),
            "unet/config.json: \"i\" \"three\" is no integer");
  EXPECT_EQ(message_of([&] { config.integer("absent"); }),
            "unet/config.json: \"absent\" is missing");
  EXPECT_NE(message_of([&] { config.integers("list"); }).find("\"two\""), std::string::npos);
  EXPECT_NE(message_of([&] { config.integer("far"); }).find("\"far\""), std::string::npos);
  EXPECT_THROW(Config(json::array(), "x"), std::runtime_error);
}

TEST(Config, OneValueOrOnePerBlock) {
  Config config({{"one", 2}, {"each", {1, 2, 3}}, {"nested", {1, {2, 3}, 4}}, {"flags", {true}}},
                "c");
  EXPECT_EQ(config.integer_per_block("one", 3, 9), (std::vector<std::int64_t>{2, 2, 2}));
  EXPECT_EQ(config.integer_per_block("each", 3, 9), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(config.integer_per_block("absent", 2, 9), (std::vector<std::int64_t>{9, 9}));
  EXPECT_EQ(config.layers_per_block("nested", 3, 1),
            (std::vector<std::vector<std::int64_t>>{{1}, {2, 3}, {4}}));
  EXPECT_THROW(config.integer_per_block("each", 2, 9), std::runtime_error);
  EXPECT_THROW(config.flag_per_block("flags", 2, false), std::runtime_error);
}

TEST(Config, UnknownKeysAreErrorsWhenSetAndWarningsWhenNot) {
  std::vector<std::string> warnings;
  const auto warn = [&](const std::string& line) { warnings.push_back(line); };
  Config harmless({{"_class_name", "X"}, {"nil", nullptr}, {"off", false}}, "vae/config.json");
  harmless.finish(warn);
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_NE(warnings[0].find("vae/config.json"), std::string::npos);
  EXPECT_NE(warnings[0].find("nil"), std::string::npos);
  for (const json& value : {json(true), json(0), json("a"), json::array()}) {
    Config set({{"surprise", value}}, "vae/config.json");
    EXPECT_NE(message_of([&] { set.finish(warn); }).find("\"surprise\""), std::string::npos);
  }
}

TEST(Config, OnlyTakesTheOneValue) {
  Config config({{"type", "gated"}, {"nil", nullptr}, {"off", false}}, "c");
  EXPECT_THROW(config.only("type", "default"), std::runtime_error);
  EXPECT_NO_THROW(config.only("type", "gated"));
  EXPECT_NO_THROW(config.only("nil", 3));
  EXPECT_NO_THROW(config.only("absent", 3));
  EXPECT_THROW(config.only("off", nullptr), std::runtime_error);
}

json unet_json() {
  return {{"block_out_channels", {320, 640}},
          {"down_block_types", {"CrossAttnDownBlock2D", "DownBlock2D"}},
          {"up_block_types", {"UpBlock2D", "CrossAttnUpBlock2D"}}};
}

TEST(UNetConfig, HeadsAreCalledHeadDim) {
  auto values = unet_json();
  values["attention_head_dim"] = {5, 10};
  const auto unet = read_unet_config(Config(values, "c"), {});
  EXPECT_EQ(unet.down_blocks[0].heads, 5);
  EXPECT_EQ(unet.up_blocks[1].heads, 5);
  EXPECT_EQ(unet.mid_block->heads, 10);
}

TEST(UNetConfig, BlocksJoinAsInDiffusers) {
  auto values = unet_json();
  values["layers_per_block"] = 2;
  const auto unet = read_unet_config(Config(values, "c"), {});
  ASSERT_EQ(unet.down_blocks.size(), 2u);
  EXPECT_TRUE(unet.down_blocks[0].resamples);
  EXPECT_FALSE(unet.down_blocks[1].resamples);
  EXPECT_EQ(unet.up_blocks[0].layers, 3);
  EXPECT_EQ(unet.up_blocks[1].prev_output_channel, 640);
  EXPECT_EQ(unet.up_blocks[1].in_channels, 320);
  EXPECT_EQ(unet.time_embed_dim, 1280);
  EXPECT_EQ(unet.cross_attention_dim, 1280);
  EXPECT_EQ(unet.sample_size, 64);
}

TEST(UNetConfig, ANullMiddleIsNoMiddle) {
  auto values = unet_json();
  EXPECT_TRUE(read_unet_config(Config(values, "c"), {}).mid_block);
  values["mid_block_type"] = nullptr;
  EXPECT_FALSE(read_unet_config(Config(values, "c"), {}).mid_block);
}

}  // namespace
}  // namespace dream::engine

// Weights by name: conversion, and messages that name tensor and shapes.
#include "sdk/engine/tensor/weights.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>

namespace dream::engine {
namespace {

weights::TensorView floats(std::vector<std::int64_t> shape, const std::vector<float>& values) {
  // One byte off, as a file may have it.
  auto buffer = std::make_shared<std::vector<std::byte>>(values.size() * sizeof(float) + 1);
  if (!values.empty()) {
    std::memcpy(buffer->data() + 1, values.data(), values.size() * sizeof(float));
  }
  return {.dtype = weights::DType::f32,
          .shape = std::move(shape),
          .bytes = {buffer->data() + 1, buffer->size() - 1},
          .owner = buffer};
}

weights::WeightMap some_tensors() {
  return {{"a.weight", floats({2, 3}, {1, 2, 3, 4, 5, 6})},
          {"a.b.bias", floats({1}, {7})},
          {"text_model.embeddings.position_ids", floats({1}, {0})}};
}

TEST(Weights, ScopesAndConverts) {
  const Weights weights(some_tensors(), "unet", {.dtype = at::kBFloat16});
  const auto tensor = weights.scope("a").tensor("weight", {2, 3});
  EXPECT_EQ(tensor.scalar_type(), at::kBFloat16);
  EXPECT_EQ(tensor[1][2].item<float>(), 6);
  EXPECT_EQ(weights.scope("a").scope("b").tensor("bias", {1}).item<float>(), 7);
  EXPECT_TRUE(weights.scope("a").has("weight"));
  EXPECT_FALSE(weights.has("weight"));
}

TEST(Weights, MessagesNameTensorAndShapes) {
  const Weights weights(some_tensors(), "unet", {});
  try {
    weights.scope("a").tensor("weight", {3, 2});
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "unet: tensor \"a.weight\" has shape [2, 3], expected [3, 2]");
  }
  try {
    weights.scope("a").tensor("gain", {4});
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "unet: tensor \"a.gain\" is missing (expected shape [4])");
  }
}

TEST(Weights, ReportsWhatNobodyAskedFor) {
  const Weights weights(some_tensors(), "unet", {});
  weights.tensor("a.weight", {2, 3});
  std::vector<std::string> lines;
  weights.report_unused([&](const std::string& line) { lines.push_back(line); });
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("a.b.bias"), std::string::npos);
  EXPECT_EQ(lines[0].find("position_ids"), std::string::npos);
  weights.tensor("a.b.bias", {1});
  weights.report_unused([](const std::string& line) { FAIL() << line; });
}

TEST(Weights, EmptyTensorsAndWrongByteCounts) {
  auto tensors = some_tensors();
  tensors["empty"] = floats({0, 3}, {});
  tensors["short"] = floats({4}, {1});
  const Weights weights(tensors, "unet", {});
  EXPECT_EQ(weights.tensor("empty", {0, 3}).numel(), 0);
  EXPECT_THROW(weights.tensor("short", {4}), std::runtime_error);
}

TEST(Weights, HandsOutTheSameTensorWhileSomeoneHoldsIt) {
  const Weights weights(some_tensors(), "unet", {});
  const auto first = weights.tensor("a.weight", {2, 3});
  EXPECT_EQ(weights.scope("a").tensor("weight", {2, 3}).data_ptr(), first.data_ptr());
}

TEST(Weights, AnOverlayLeavesTheRestShared) {
  const Weights weights(some_tensors(), "unet", {});
  const auto matrix = weights.tensor("a.weight", {2, 3});
  const auto bias = weights.tensor("a.b.bias", {1});
  const auto flip = [](const Weights& from) {
    return from.derived("flipped", {"a.weight"},
                        [&] { return from.tensor("a.weight", {2, 3}).flip({0}); });
  };
  const auto flipped = flip(weights);
  const auto variant =
      weights.with_overlay({{"a.weight", [](const at::Tensor& weight) { return weight * 2; }}});
  EXPECT_EQ(variant.tensor("a.b.bias", {1}).data_ptr(), bias.data_ptr());
  EXPECT_TRUE(variant.tensor("a.weight", {2, 3}).equal(matrix * 2));
  EXPECT_EQ(variant.patched_bytes(), 24);
  EXPECT_TRUE(flip(variant).equal(flipped * 2));
  EXPECT_EQ(variant.patched_bytes(), 48);
  EXPECT_EQ(flip(weights).data_ptr(), flipped.data_ptr());
  EXPECT_TRUE(weights.tensor("a.weight", {2, 3}).equal(matrix));
  EXPECT_THROW(variant.with_overlay({}), std::logic_error);
}

TEST(Weights, PatchesTheFilesOwnValues) {
  const Weights weights(some_tensors(), "unet", {.dtype = at::kBFloat16});
  weights.with_overlay({{"a.b.bias", [](const at::Tensor& bias) {
                           EXPECT_EQ(bias.scalar_type(), at::kFloat);
                           return bias;
                         }}})
      .tensor("a.b.bias", {1});
}

}  // namespace
}  // namespace dream::engine

// Convolutions by Winograd's filtering, against libtorch's own in fp64.
#include "sdk/engine/kernels/winograd.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sdk/engine/kernels/packed.hpp"

namespace dream::engine {
namespace {

at::Tensor channels_last(const at::Tensor& x) {
  return x.contiguous(at::MemoryFormat::ChannelsLast);
}

double worst(const at::Tensor& found, const at::Tensor& expected) {
  return (found.to(at::kDouble) - expected).abs().max().item<double>() /
         expected.abs().max().item<double>();
}

std::vector<at::Tensor> packed(const at::Tensor& weight) {
  const auto matrices = winograd_filters(weight);
  std::vector<at::Tensor> list;
  for (std::int64_t i = 0; i < winograd_products; ++i) list.push_back(pack_linear(matrices[i]));
  return list;
}

struct Case {
  std::int64_t batch, in, out, height, width;
};

class Winograd : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!has_packed_operators()) GTEST_SKIP() << "this libtorch has no packed operators";
    const auto [batch, in, out, height, width] = GetParam();
    at::manual_seed(6);
    x = channels_last(at::randn({batch, in, height, width}));
    weight = channels_last(at::randn({out, in, 3, 3}));
    bias = at::randn({out});
    residual = channels_last(at::randn({batch, out, height, width}));
    expected = at::conv2d(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble), 1, 1);
  }

  at::Tensor x, weight, bias, residual, expected;
};

TEST_P(Winograd, EqualsThePlainConvolution) {
  const auto found = winograd_convolution(x, packed(weight), bias, {});
  EXPECT_TRUE(found.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_LT(worst(found, expected), 2e-6);
}

TEST_P(Winograd, AddsAResidual) {
  const auto found = winograd_convolution(x, packed(weight), bias, residual);
  EXPECT_LT(worst(found, expected + residual), 2e-6);
}

TEST_P(Winograd, TakesMapsOfAnyLayout) {
  const auto filters = packed(weight);
  const auto found = winograd_convolution(x, filters, bias, residual);
  const auto plain = winograd_convolution(x.contiguous(), filters, bias, residual.contiguous());
  EXPECT_TRUE(at::equal(found, plain));
}

std::string name_of(const testing::TestParamInfo<Case>& given) {
  const auto& [batch, in, out, height, width] = given.param;
  return fmt::format("b{}i{}o{}h{}w{}", batch, in, out, height, width);
}

// The last has more tiles than are in work at a time.
INSTANTIATE_TEST_SUITE_P(Shapes, Winograd,
                         testing::Values(Case{1, 16, 16, 1, 1}, Case{2, 32, 48, 8, 8},
                                         Case{2, 64, 16, 5, 7}, Case{1, 16, 32, 2, 33},
                                         Case{3, 320, 64, 9, 6}, Case{1, 256, 256, 64, 65}),
                         name_of);

TEST(WinogradUse, IsForWholeVectorsOfChannels) {
  EXPECT_TRUE(fits_winograd(320, 640));
  EXPECT_FALSE(fits_winograd(4, 320));
  EXPECT_FALSE(fits_winograd(320, 4));
}

}  // namespace
}  // namespace dream::engine

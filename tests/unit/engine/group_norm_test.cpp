// The norm of channels_last maps in two passes, against libtorch's operators in fp64.
#include "sdk/engine/kernels/group_norm.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <string>

namespace dream::engine {
namespace {

constexpr double eps = 1e-5;

at::Tensor channels_last(const at::Tensor& x) {
  return x.contiguous(at::MemoryFormat::ChannelsLast);
}

double worst(const at::Tensor& found, const at::Tensor& expected) {
  return (found.to(at::kDouble) - expected).abs().max().item<double>() /
         expected.abs().max().item<double>();
}

struct Case {
  std::int64_t batch, channels, height, width, groups;
};

class GroupNormKernel : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto [batch, channels, height, width, groups] = GetParam();
    at::manual_seed(5);
    x = channels_last(at::randn({batch, channels, height, width}));
    weight = at::randn({channels});
    bias = at::randn({channels});
    ASSERT_TRUE(has_group_norm_kernel(x));
  }
  at::Tensor expected(const at::Tensor& map) const {
    return at::group_norm(map.to(at::kDouble), GetParam().groups, weight.to(at::kDouble),
                          bias.to(at::kDouble), eps);
  }
  at::Tensor found(const at::Tensor& map, bool silu, const at::Tensor& shift = {}) const {
    const GroupNormWeights weights{weight, bias, GetParam().groups, eps};
    return scale_channels(map, group_norm_affine(map, weights, shift), silu);
  }

  const at::NoGradGuard no_grad;
  at::Tensor x, weight, bias;
};

TEST_P(GroupNormKernel, EqualsThePlainOperators) {
  const auto plain = found(x, false);
  EXPECT_TRUE(plain.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_LT(worst(plain, expected(x)), 2e-6);
  EXPECT_LT(worst(found(x, true), at::silu(expected(x))), 2e-6);
}

TEST_P(GroupNormKernel, TakesAShiftOfWholeChannels) {
  const auto [batch, channels, height, width, groups] = GetParam();
  for (const auto rows : {std::int64_t{1}, batch}) {
    const auto shift = at::randn({rows, channels});
    const auto shifted = x + shift.unsqueeze(-1).unsqueeze(-1);
    EXPECT_LT(worst(found(x, true, shift), at::silu(expected(shifted))), 3e-6);
  }
}

// Where E[x^2] - E[x]^2 in fp32 would have lost all digits of the variance.
TEST_P(GroupNormKernel, KeepsItsDigitsFarFromZero) {
  const auto far = channels_last(x * 0.01F + 100.0F);
  if (far.numel() / GetParam().groups < 2 * GetParam().batch) return;  // no spread
  const auto found_affine = group_norm_affine(far, {weight, bias, GetParam().groups, eps});
  const auto by_group = [&](const at::Tensor& values) {
    return values.view({GetParam().batch, GetParam().groups, -1}).to(at::kDouble);
  };
  const auto groups = far.contiguous().view({GetParam().batch, GetParam().groups, -1});
  const auto variance = groups.to(at::kDouble).var(2, /*unbiased=*/false, /*keepdim=*/true);
  const auto scale = by_group(found_affine.factor) /
                     by_group(weight.expand({GetParam().batch, GetParam().channels})
                                        .contiguous());
  EXPECT_LT(worst(scale, at::rsqrt(variance + eps).expand_as(scale)), 1e-5);
}

TEST_P(GroupNormKernel, TheSameBitsForAnyNumberOfThreads) {
  const auto first = found(x, true);
  const int before = at::get_num_threads();
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    EXPECT_TRUE(at::equal(found(x, true), first)) << threads;
  }
  at::set_num_threads(before);
}

std::string name_of(const testing::TestParamInfo<Case>& given) {
  const auto& [batch, channels, height, width, groups] = given.param;
  return fmt::format("b{}c{}h{}w{}g{}", batch, channels, height, width, groups);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, GroupNormKernel,
    testing::Values(Case{1, 320, 16, 16, 32}, Case{2, 320, 33, 17, 32}, Case{1, 4, 1, 1, 1},
                    Case{2, 6, 5, 7, 1}, Case{3, 20, 9, 2, 4}, Case{1, 36, 200, 131, 4},
                    Case{2, 64, 8, 8, 32}, Case{1, 1920, 7, 3, 32}),
                         name_of);

TEST(GroupNormKernelUse, IsForInferenceInFp32OverChannelsLastMaps) {
  const auto x = channels_last(at::randn({2, 8, 4, 4}));
  EXPECT_FALSE(has_group_norm_kernel(x)) << "gradients are recorded";
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(has_group_norm_kernel(x));
  EXPECT_FALSE(has_group_norm_kernel(x.contiguous()));
  EXPECT_FALSE(has_group_norm_kernel(x.to(at::kBFloat16)));
  EXPECT_FALSE(has_group_norm_kernel(x.flatten(0, 1)));
  setenv("DREAM_ENGINE_WITHOUT", "group_norm", 1);
  EXPECT_FALSE(has_group_norm_kernel(x));
  unsetenv("DREAM_ENGINE_WITHOUT");
}

TEST(GroupNormKernelUse, SiluKeepsItsLimits) {
  const at::NoGradGuard no_grad;
  const auto x = channels_last(at::linspace(-120, 120, 4096).view({1, 1, 64, 64}));
  const ChannelAffine as_is{at::ones({1, 1}), at::zeros({1, 1})};
  EXPECT_LT(worst(scale_channels(x, as_is, true), at::silu(x.to(at::kDouble))), 1e-6);
  const auto odd = channels_last(at::full({1, 1, 1, 1}, NAN));
  EXPECT_TRUE(scale_channels(odd, as_is, true).isnan().all().item<bool>());
}

}  // namespace
}  // namespace dream::engine

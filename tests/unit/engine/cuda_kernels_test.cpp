// The CUDA kernels against libtorch's operators on the same device, and graphs against plain calls.
// Built with DREAM_CUDA; skipped where there is no device.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "sdk/engine/kernels/fused.hpp"
#include "sdk/engine/kernels/group_norm.hpp"
#include "sdk/engine/kernels/replay.hpp"

namespace dream::engine {
namespace {

double worst(const at::Tensor& found, const at::Tensor& expected) {
  return (found.to(at::kDouble) - expected.to(at::kDouble)).abs().max().item<double>() /
         expected.abs().max().item<double>();
}

class CudaKernels : public testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override {
    if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
    at::manual_seed(7);
  }
  at::Tensor random(at::IntArrayRef sizes) const {
    return at::randn(sizes).to(at::Device(at::kCUDA, 0), GetParam());
  }
  at::Tensor map(at::IntArrayRef sizes) const {
    return random(sizes).contiguous(at::MemoryFormat::ChannelsLast);
  }
  // Of a rounding to the type, against fp64.
  double allowed() const {
    if (GetParam() == at::kFloat) return 3e-6;
    return GetParam() == at::kHalf ? 2e-3 : 1.6e-2;
  }

  const at::NoGradGuard no_grad;
};

TEST_P(CudaKernels, GroupNormEqualsThePlainOperators) {
  for (const auto& [batch, channels, side, groups] :
       std::vector<std::array<std::int64_t, 4>>{{2, 320, 64, 32}, {1, 2560, 8, 32}, {3, 20, 7, 4},
                                                {2, 6, 5, 1}, {1, 64, 1, 32}, {2, 128, 130, 32}}) {
    const auto x = map({batch, channels, side, side + 1});
    const auto weight = random({channels}), bias = random({channels});
    const auto shift = random({batch, channels});
    ASSERT_TRUE(has_group_norm_kernel(x));
    const auto wide = [](const at::Tensor& tensor) { return tensor.to(at::kDouble); };
    const auto plain = [&](const at::Tensor& from) {
      return at::group_norm(from, groups, wide(weight), wide(bias), 1e-5);
    };
    const GroupNormWeights weights{weight, bias, groups, 1e-5};
    const auto found = scale_channels(x, group_norm_affine(x, weights), false);
    EXPECT_LT(worst(found, plain(wide(x))), allowed()) << channels;
    const auto shifted = wide(x) + wide(shift).unsqueeze(-1).unsqueeze(-1);
    const auto activated = scale_channels(x, group_norm_affine(x, weights, shift), true);
    EXPECT_LT(worst(activated, at::silu(plain(shifted))), allowed()) << channels;
  }
}

TEST_P(CudaKernels, GegluEqualsThePlainOperators) {
  for (const std::int64_t width : {1280, 12, 7}) {
    const auto both = random({2, 77, 2 * width}), bias = random({2 * width});
    const auto halves = (both.to(at::kDouble) + bias.to(at::kDouble)).chunk(2, -1);
    EXPECT_LT(worst(geglu(both, bias), halves[0] * at::gelu(halves[1])), allowed()) << width;
  }
}

TEST_P(CudaKernels, BiasAndResidualAreAddedInPlace) {
  for (const std::int64_t channels : {320, 12, 3}) {
    auto y = map({2, channels, 9, 5});
    const auto bias = random({channels}), residual = map({2, channels, 9, 5});
    const auto expected = y.to(at::kDouble) + residual.to(at::kDouble) +
                          bias.to(at::kDouble).view({1, -1, 1, 1});
    add_bias_residual_(y, bias, residual);
    EXPECT_LT(worst(y, expected), allowed()) << channels;
  }
}

TEST_P(CudaKernels, ReplayedCallsEqualPlainOnes) {
  Replay replay;
  const auto weight = random({64, 64});
  int computed = 0;
  const auto compute = [&](const std::vector<at::Tensor>& inputs) {
    ++computed;
    const auto product = at::matmul(inputs[0], weight);
    return inputs[1].defined() ? product + inputs[1] : product;
  };
  const auto added = random({64});
  for (int call = 0; call < 6; ++call) {
    const std::vector<at::Tensor> inputs{random({8, 64}), added};
    EXPECT_TRUE(at::equal(replay(inputs, compute), at::matmul(inputs[0], weight) + added));
  }
  EXPECT_EQ(computed, 2) << "once plainly, once for the graph";
  const std::vector<at::Tensor> other{random({3, 64}), at::Tensor()};
  EXPECT_TRUE(at::equal(replay(other, compute), at::matmul(other[0], weight)));
}

TEST_P(CudaKernels, AnInputThatIsWrittenToIsCopiedAgain) {
  Replay replay;
  const auto compute = [](const std::vector<at::Tensor>& inputs) { return inputs[0] * 2; };
  auto input = random({16});
  for (int call = 0; call < 4; ++call) {
    input.add_(1);
    EXPECT_TRUE(at::equal(replay({input}, compute), input * 2));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, CudaKernels,
                         testing::Values(at::kFloat, at::kHalf, at::kBFloat16));

}  // namespace
}  // namespace dream::engine

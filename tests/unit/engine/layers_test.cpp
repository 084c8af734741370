// Small layers against values computed by hand or by their formula; the parity tests do the rest.
#include "sdk/engine/tensor/layers.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sdk/engine/models/embeddings.hpp"
#include "sdk/engine/pipeline/stages.hpp"
#include "sdk/engine/tensor/narrow.hpp"

namespace dream::engine {
namespace {

TEST(Layers, AttentionIsSoftmaxOfProducts) {
  at::manual_seed(1);
  const auto q = at::randn({2, 5, 6}), k = at::randn({2, 7, 6}), v = at::randn({2, 7, 6});
  const auto split = [](const at::Tensor& x) { return x.view({2, -1, 3, 2}).transpose(1, 2); };
  const auto weights = at::softmax(split(q).matmul(split(k).mT()) / std::sqrt(2.0), -1);
  const auto expected = weights.matmul(split(v)).transpose(1, 2).reshape({2, 5, 6});
  EXPECT_TRUE(at::allclose(attend(q, k, v, 3), expected, 1e-5, 1e-6));
}

TEST(Layers, CausalAttentionIgnoresWhatComesLater) {
  at::manual_seed(2);
  const auto x = at::randn({1, 4, 6});
  auto changed = x.clone();
  changed[0][3] += 1;
  const auto before = attend(x, x, x, 2, true), after = attend(changed, changed, changed, 2, true);
  EXPECT_TRUE(at::equal(before.narrow(1, 0, 3), after.narrow(1, 0, 3)));
  EXPECT_FALSE(at::equal(before, after));
}

TEST(Layers, TimestepsAreSinesAndCosines) {
  const auto code = Timesteps{.channels = 5, .flip_sin_to_cos = true, .freq_shift = 0}(3.0);
  ASSERT_EQ(code.sizes(), (at::IntArrayRef{1, 5}));
  EXPECT_NEAR(code[0][0].item<double>(), std::cos(3.0), 1e-6);
  EXPECT_NEAR(code[0][1].item<double>(), std::cos(0.03), 1e-6);
  EXPECT_NEAR(code[0][2].item<double>(), std::sin(3.0), 1e-6);
  EXPECT_EQ(code[0][4].item<double>(), 0);
}

TEST(Layers, QuickGelu) {
  const auto x = at::tensor({-1.0, 0.0, 2.0});
  EXPECT_TRUE(at::allclose(apply(Activation::quick_gelu, x), x * at::sigmoid(1.702 * x)));
}

TEST(Narrowed, StaysFinite) {
  const auto values = at::tensor({1.0F, -70000.0F, 1e38F, 3.4e38F});
  const auto half = narrowed(values, at::kHalf);
  EXPECT_EQ(half.scalar_type(), at::kHalf);
  EXPECT_TRUE(at::equal(half.to(at::kFloat), at::tensor({1.0F, -65504.0F, 65504.0F, 65504.0F})));
  const auto brain = narrowed(values, at::kBFloat16);
  EXPECT_TRUE(at::isfinite(brain).all().item<bool>());
  EXPECT_TRUE(at::equal(narrowed(values, at::kFloat), values));
}

TEST(Noise, IsTorchsStreamOfSeedPlusIndex) {
  auto generator = picture_generator(40, 2);
  const auto ours = at::randn({1, 4, 8, 8}, generator, at::TensorOptions(at::kFloat));
  at::manual_seed(42);
  EXPECT_TRUE(at::equal(ours, at::randn({1, 4, 8, 8})));
}

TEST(Noise, SeedsWrapInsteadOfOverflowing) {
  auto highest = picture_generator(std::numeric_limits<std::int64_t>::max(), 1);
  auto lowest = picture_generator(std::numeric_limits<std::int64_t>::min(), 0);
  EXPECT_EQ(highest.current_seed(), lowest.current_seed());
}

}  // namespace
}  // namespace dream::engine

// The fast forms of layers against the plain ones, and the allocator under them.
#include "sdk/engine/kernels/packed.hpp"

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>
#include <torch/version.h>

#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include "sdk/engine/kernels/cpu_allocator.hpp"
#include "sdk/engine/kernels/switches.hpp"

namespace dream::engine {
namespace {

double worst(const at::Tensor& found, const at::Tensor& expected) {
  return (found - expected).abs().max().item<double>() / expected.abs().max().item<double>();
}

class Packed : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_packed_operators()) GTEST_SKIP() << "this libtorch has no packed operators";
    at::manual_seed(3);
  }
};

// The other tests skip where they are missing: not with the libtorch that the project is built on.
TEST(PackedOperators, AreInThisLibtorch) {
  if (std::string_view(TORCH_VERSION).starts_with("2.13")) {
    EXPECT_TRUE(has_packed_operators());
  }
}

TEST_F(Packed, LinearEqualsThePlainOne) {
  const auto weight = at::randn({24, 40}), bias = at::randn({24});
  const auto packed = pack_linear(weight);
  EXPECT_EQ(packed.sizes(), weight.sizes());
  for (const int tokens : {1, 7, 300}) {
    const auto x = at::randn({2, tokens, 40}), other = at::randn({2, tokens, 24});
    const auto plain = at::linear(x, weight, bias);
    EXPECT_LT(worst(packed_linear(x, packed, bias), plain), 1e-5);
    EXPECT_LT(worst(packed_linear(x, packed, {}), at::linear(x, weight)), 1e-5);
    EXPECT_LT(worst(packed_linear_gelu(x, packed, bias), at::gelu(plain)), 1e-5);
    EXPECT_LT(worst(packed_linear_add(x, packed, bias, other), plain + other), 1e-5);
    EXPECT_LT(worst(packed_linear_mul(x, packed, bias, other), plain * other), 1e-5);
  }
}

TEST_F(Packed, ConvolutionEqualsThePlainOne) {
  for (const int stride : {1, 2}) {
    for (const int size : {5, 16, 33}) {
      const auto weight = at::randn({48, 32, 3, 3}), bias = at::randn({48});
      const auto last = weight.contiguous(at::MemoryFormat::ChannelsLast);
      const auto x = at::randn({2, 32, size, size}).contiguous(at::MemoryFormat::ChannelsLast);
      const auto found = packed_convolution(x, pack_convolution(last, stride, 1), bias, stride, 1);
      const auto plain = at::conv2d(x, weight, bias, stride, 1);
      EXPECT_LT(worst(found, plain), 1e-5);
      const auto other = at::randn(plain.sizes()).contiguous(at::MemoryFormat::ChannelsLast);
      const auto sum = packed_convolution_add(x, pack_convolution(last, stride, 1), bias, other,
                                              stride, 1);
      EXPECT_LT(worst(sum, plain + other), 1e-5);
      EXPECT_TRUE(found.is_contiguous(at::MemoryFormat::ChannelsLast));
    }
  }
}

TEST_F(Packed, TheSameBitsEachTime) {
  const auto weight = at::randn({64, 64}), x = at::randn({1, 50, 64});
  const auto packed = pack_linear(weight);
  const auto first = packed_linear(x, packed, {});
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(at::equal(packed_linear(x, packed, {}), first));
}

TEST(Switches, AreOnUnlessNamed) {
  setenv("DREAM_ENGINE_WITHOUT", "qkv,geglu", 1);
  EXPECT_FALSE(is_on("qkv"));
  EXPECT_FALSE(is_on("geglu"));
  EXPECT_TRUE(is_on("packing"));
  EXPECT_TRUE(is_on("qk"));
  unsetenv("DREAM_ENGINE_WITHOUT");
  EXPECT_TRUE(is_on("qkv"));
}

TEST(CpuAllocator, GivesALargeBlockAgainAndAlignsAll) {
  install_cpu_allocator();
  constexpr std::int64_t floats = 3 << 20;
  const auto first = at::empty({floats});
  const auto* const place = first.const_data_ptr();
  auto second = at::empty({floats});
  EXPECT_NE(second.const_data_ptr(), place);
  const auto* const freed = second.const_data_ptr();
  second.reset();
  EXPECT_EQ(at::empty({floats}).const_data_ptr(), freed);
  for (const std::int64_t size : {1, 100, 70'000, 600'000, 5'000'000}) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(at::empty({size}).const_data_ptr()) % 64, 0U);
  }
}

TEST(CpuAllocator, GivesBackWhatRequestsHaveNoUseFor) {
  install_cpu_allocator();
  for (int i = 0; i < 20; ++i) age_kept_blocks();
  EXPECT_EQ(kept_cpu_bytes(), 0U);
  constexpr std::int64_t used = 1 << 20, idle = 9 << 20;  // floats
  {
    const auto one = at::empty({used}), same = at::empty({used}), large = at::empty({idle});
  }
  EXPECT_GT(kept_cpu_bytes(), (idle + 2 * used) * sizeof(float));
  for (int i = 0; i < 20; ++i) {
    at::empty({used});
    age_kept_blocks();
  }
  EXPECT_GT(kept_cpu_bytes(), used * sizeof(float));
  EXPECT_LT(kept_cpu_bytes(), 2 * used * sizeof(float));
}

TEST(CpuAllocator, ServesManyThreads) {
  install_cpu_allocator();
  std::vector<std::thread> threads;
  for (int id = 1; id <= 4; ++id) {
    threads.emplace_back([id] {
      for (int i = 0; i < 100; ++i) {
        const auto mine = at::full({100'000 + 1000 * (i % 7)}, id);
        EXPECT_EQ(mine.sum().item<std::int64_t>(), mine.numel() * id);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace dream::engine

// Tier torch: tensors go to ATen and back without a copy, and the example template changes a
// picture with them.
#include <gtest/gtest.h>

#include <dream/testing.hpp>
#include <dream/torch.hpp>

namespace t = dream::testing;

namespace {

TEST(Torch, OwnedTensorsKeepTheirMemory) {
  t::TestHost host;
  {
    dream::Tensor tensor = dream::Tensor::zeros(dream::Host(host.abi()), {2, 3});
    float* const data = tensor.data<float>().data();
    data[4] = 5;
    const at::Tensor torch = dream::to_torch(std::move(tensor));
    EXPECT_EQ(torch.data_ptr<float>(), data);
    EXPECT_EQ(torch[1][1].item<float>(), 5);
    const dream::Tensor back = dream::from_torch(torch);
    EXPECT_EQ(back.data<float>().data(), data);
    EXPECT_EQ(back.shape()[1], 3);
    EXPECT_EQ(host.leaks(), "1 tensors\n");
  }
  EXPECT_EQ(host.leaks(), "");
}

TEST(Torch, ViewsAreChangedInPlaceAndNotFreed) {
  t::TestHost host;
  {
    const dream::Tensor tensor = dream::Tensor::zeros(dream::Host(host.abi()), {4});
    dream::to_torch(tensor.view()).add_(2);
    EXPECT_EQ(tensor.data<float>()[3], 2);
  }
  EXPECT_EQ(host.leaks(), "");
}

TEST(Torch, OtherTypesAndLayoutsComeBackReadable) {
  const at::Tensor whole = at::arange(6, at::kLong).view({2, 3}).t();
  const dream::Tensor tensor = dream::from_torch(whole);
  EXPECT_EQ(tensor.data<int64_t>()[1], 3);  // compact, whatever it was
  EXPECT_EQ(dream::from_torch(at::ones({2}, at::kByte)).data<uint8_t>()[1], 1);
}

TEST(Torch, TheExampleChangesThePicture) {
  t::TestHost host;
  auto sharpen = host.load(EXAMPLE_TEMPLATE);
  const auto draw = [&](double amount) {
    const t::Result result = sharpen.run({{"amount", amount}, {"prompt", "a fox"}});
    EXPECT_EQ(result.status, "succeeded") << result.error;
    return result.files.at(0).content;
  };
  EXPECT_EQ(draw(0), draw(0));
  EXPECT_NE(draw(0), draw(0.5));
  host.destroy();
  EXPECT_EQ(host.leaks(), "");
}

}  // namespace

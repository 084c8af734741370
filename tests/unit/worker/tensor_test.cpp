#include "host/worker/sdk_host/tensor.hpp"

#include <array>
#include <numeric>

#include "tests/unit/worker/interface_fixture.hpp"

namespace dream::worker {
namespace {

class TensorTest : public InterfaceTest {
 protected:
  const dream_tensor_1& api_ = tensor_interface();
};

TEST_F(TensorTest, zeros_are_a_managed_dlpack_tensor) {
  EXPECT_EQ(host_.query(&host_, DREAM_TENSOR_1), &tensor_interface());
  const std::array<std::int64_t, 3> shape = {2, 3, 4};
  dream_dl_managed_tensor* tensor = nullptr;
  ASSERT_EQ(taken(api_.zeros(&host_, shape.data(), 3, &tensor)), "");
  const dream_dl_tensor& dl = tensor->dl_tensor;
  EXPECT_EQ(dl.ndim, 3);
  EXPECT_EQ(dl.shape[2], 4);
  EXPECT_EQ(dl.device.device_type, DREAM_DEVICE_CPU);
  EXPECT_EQ(dl.dtype.code, DREAM_DTYPE_FLOAT);
  EXPECT_EQ(dl.dtype.bits, 32);
  EXPECT_EQ(dl.dtype.lanes, 1);
  const auto* values = static_cast<const float*>(dl.data);
  EXPECT_EQ(std::accumulate(values, values + 24, 0.0F), 0.0F);
  tensor->deleter(tensor);
}

TEST_F(TensorTest, scalars_and_empty_tensors_exist) {
  dream_dl_managed_tensor* tensor = nullptr;
  ASSERT_EQ(taken(api_.zeros(&host_, nullptr, 0, &tensor)), "");
  EXPECT_EQ(host_tensor(&tensor->dl_tensor, "x").data, std::vector<float>{0});
  tensor->deleter(tensor);
  const std::int64_t empty = 0;
  ASSERT_EQ(taken(api_.zeros(&host_, &empty, 1, &tensor)), "");
  EXPECT_TRUE(host_tensor(&tensor->dl_tensor, "x").data.empty());
  tensor->deleter(tensor);
}

TEST_F(TensorTest, refuses_shapes_that_make_no_sense) {
  std::array<std::int64_t, 9> shape = {};
  shape.fill(1);
  dream_dl_managed_tensor* tensor = nullptr;
  expect_failure(api_.zeros(&host_, shape.data(), 9, &tensor), "9 dimensions; allowed are 0 to 8");
  expect_failure(api_.zeros(&host_, shape.data(), -1, &tensor), "-1 dimensions");
  expect_failure(api_.zeros(&host_, nullptr, 2, &tensor), "null pointer");
  expect_failure(api_.zeros(&host_, shape.data(), 2, nullptr), "null pointer");
  shape[1] = -3;
  expect_failure(api_.zeros(&host_, shape.data(), 2, &tensor), "a size is -3");
  shape[0] = shape[1] = std::int64_t{1} << 40;
  expect_failure(api_.zeros(&host_, shape.data(), 2, &tensor), "over 2^30 values");
}

TEST_F(TensorTest, noise_needs_the_engine) {
  const std::int64_t size = 3;
  dream_dl_managed_tensor* tensor = nullptr;
  // The tests' program stands where no engine lies beside it, or loads one that works.
  const std::string text = taken(api_.randn(&host_, &size, 1, 1, &tensor));
  if (text.empty())
    tensor->deleter(tensor);
  else
    EXPECT_NE(text.find("unsupported: this dream was built without"), std::string::npos) << text;
}

TEST(HostTensor, reads_strides_and_offsets) {
  std::array<float, 7> values = {9, 0, 1, 2, 3, 4, 5};
  std::array<std::int64_t, 2> shape = {3, 2}, strides = {1, 3};  // columns of a 2 x 3 matrix
  engine::HostTensor plain{{6}, {}};
  dream_dl_tensor dl = dl_view(plain);
  dl.data = values.data();
  dl.byte_offset = sizeof(float);
  dl.ndim = 2;
  dl.shape = shape.data();
  dl.strides = strides.data();
  const auto copy = host_tensor(&dl, "x");
  EXPECT_EQ(copy.shape, (std::vector<std::int64_t>{3, 2}));
  EXPECT_EQ(copy.data, (std::vector<float>{0, 3, 1, 4, 2, 5}));
}

TEST(HostTensor, refuses_other_types_and_places) {
  engine::HostTensor plain{{2}, {1, 2}};
  const auto message = [&](auto change) {
    dream_dl_tensor dl = dl_view(plain);
    change(dl);
    try {
      host_tensor(&dl, "latents");
      return std::string("accepted");
    } catch (const SdkError& error) {
      EXPECT_EQ(error.code(), DREAM_INVALID_INPUT);
      return std::string(error.what());
    }
  };
  EXPECT_EQ(message([](dream_dl_tensor&) {}), "accepted");
  EXPECT_EQ(message([](dream_dl_tensor& dl) { dl.dtype.bits = 16; }),
            "latents: type code 2 of 16 bits; allowed is fp32 (2, 32)");
  EXPECT_EQ(message([](dream_dl_tensor& dl) { dl.device.device_type = DREAM_DEVICE_CUDA; }),
            "latents: device type 2; allowed is CPU memory (1)");
  EXPECT_EQ(message([](dream_dl_tensor& dl) { dl.data = nullptr; }),
            "latents: its data is a null pointer");
  EXPECT_EQ(message([](dream_dl_tensor& dl) { dl.shape = nullptr; }),
            "latents: its shape is a null pointer");
  EXPECT_THROW(host_tensor(nullptr, "latents"), SdkError);
}

}  // namespace
}  // namespace dream::worker

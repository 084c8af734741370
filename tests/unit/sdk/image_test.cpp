// Pictures, control maps and tensors as templates handle them.
#include <gtest/gtest.h>

#include <fstream>

#include "probe.hpp"

namespace t = dream::testing;

namespace {

void succeeds(Probe::Body body) {
  t::TestHost host;
  probe(host, std::move(body), {},
        [](const t::Result& result) { EXPECT_EQ(result.status, "succeeded") << result.error; });
}

TEST(Image, CopiesShareAndAreGivenBack) {
  succeeds([](Probe&, const Probe::Inputs&, dream::Run& run) {
    dream::Image image = dream::Image::create(run, 4, 2);
    image.edit().at(3, 1)[2] = 9;
    const dream::Image copy = image;
    EXPECT_EQ(copy.pixels().at(3, 1), image.pixels().at(3, 1));
    dream::Image moved = std::move(image);
    image = copy;
    moved = moved.resize(8, 4, dream::Filter::nearest);
    EXPECT_EQ(moved.width(), 8U);
    EXPECT_EQ(moved.height(), 4U);
    EXPECT_EQ(moved.pixels().at(7, 3)[2], 9);
    EXPECT_EQ(copy.convert(4).channels(), 4U);
    EXPECT_EQ(copy.convert(4).pixels().at(0, 0)[3], 255);
  });
}

TEST(Image, GoesThroughFiles) {
  t::TestHost host;
  probe(
      host,
      [](Probe&, const Probe::Inputs&, dream::Run& run) {
        const std::string path = run.temp_folder() + "/in.png";
        std::ofstream(path) << t::ppm(3, 2, 10, 20, 30);
        const dream::Image image = dream::Image::decode(run, {path});
        EXPECT_EQ(image.pixels().at(2, 1)[1], 20);
        run.emit(image, "out.png");
        run.emit(image, "out.jpeg", 80);
        EXPECT_THROW(run.emit(image, "a/b.png"), dream::InvalidInput);
        EXPECT_THROW(run.emit(image, "out.gif"), dream::InvalidInput);
        EXPECT_THROW(run.emit(image, ".png"), dream::InvalidInput);
        EXPECT_THROW(image.encode("/no/such/folder/x.png"), dream::Error);
        EXPECT_THROW(dream::Image::decode(run, {"/no/such/file"}), dream::InvalidInput);
        EXPECT_THROW(dream::Image::create(run, 0, 2), dream::InvalidInput);
        EXPECT_THROW(dream::Image::create(run, 2, 2, 2), dream::InvalidInput);
      },
      {},
      [](const t::Result& result) {
        EXPECT_EQ(result.status, "succeeded") << result.error;
        ASSERT_EQ(result.files.size(), 2U);
        EXPECT_EQ(result.files[0].content, t::ppm(3, 2, 10, 20, 30));
        EXPECT_EQ(result.files[1].name, "out.jpeg");
      });
}

TEST(Image, AHostWithoutPicturesIsNamed) {
  t::TestHost host;
  host.hide(DREAM_IMAGE_1);
  probe(
      host, [](Probe&, const Probe::Inputs&, dream::Run& run) { dream::Image::create(run, 1, 1); },
      {},
      [](const t::Result& result) {
        EXPECT_EQ(result.code, DREAM_UNSUPPORTED);
        EXPECT_NE(result.error.find("\"dream.image/1\""), std::string::npos) << result.error;
      });
}

TEST(Annotator, MapsAPicture) {
  succeeds([](Probe& probe, const Probe::Inputs&, dream::Run& run) {
    EXPECT_EQ(dream::Annotator::names(run), std::vector<std::string>{"canny"});
    dream::Image image = dream::Image::create(run, 4, 4);
    for (uint32_t y = 0; y < 4; ++y) image.edit().at(2, y)[1] = 255;
    const dream::Image map = probe.canny.annotate(run, image);
    EXPECT_EQ(map.channels(), 3U);
    EXPECT_EQ(map.pixels().at(1, 1)[0], 255);
    EXPECT_EQ(map.pixels().at(0, 1)[0], 0);
    const auto blind = dream::Settings().set("low_threshold", 255).set("high_threshold", 255);
    EXPECT_EQ(probe.canny.annotate(run, image, blind).pixels().at(1, 1)[0], 0);
    EXPECT_THROW(probe.canny.annotate(run, image, dream::Settings().set("nose", 1)),
                 dream::InvalidInput);
  });
}

struct NoSuch {
  struct Inputs {};
  static void describe(dream::Schema<Inputs>&) {}
  explicit NoSuch(dream::Setup& setup) : annotator(setup, "aura") {}
  void run(const Inputs&, dream::Run&) {}
  dream::Annotator annotator;
};

TEST(Annotator, AnUnknownNameIsRefusedAtSetUp) {
  static const dream_template entry = dream::detail::make_template<NoSuch>("no", "1", "A test.");
  t::TestHost host;
  const t::Outcome outcome = host.create(entry);
  EXPECT_EQ(outcome.code, DREAM_UNSUPPORTED);
  EXPECT_EQ(outcome.message, "there is no annotator \"aura\"; this host has canny");
  EXPECT_EQ(host.leaks(), "");
}

TEST(Tensor, IsMadeByTheHostAndGivenBack) {
  succeeds([](Probe&, const Probe::Inputs&, dream::Run& run) {
    const dream::Tensor zeros = dream::Tensor::zeros(run, {2, 3});
    EXPECT_EQ(zeros.size(), 6U);
    EXPECT_EQ(std::vector<int64_t>(zeros.shape().begin(), zeros.shape().end()),
              (std::vector<int64_t>{2, 3}));
    for (const float value : zeros.data<float>()) EXPECT_EQ(value, 0);
    const auto noise = [&](uint64_t seed) { return dream::Tensor::randn(run, {4}, seed); };
    EXPECT_EQ(noise(7).data<float>()[3], noise(7).data<float>()[3]);
    EXPECT_NE(noise(7).data<float>()[3], noise(8).data<float>()[3]);
    EXPECT_EQ(dream::Tensor::zeros(run, {}).size(), 1U);
    EXPECT_EQ(dream::Tensor::zeros(run, {3, 0}).size(), 0U);
    EXPECT_THROW(dream::Tensor::zeros(run, {-1}), dream::InvalidInput);
    EXPECT_THROW(dream::Tensor::zeros(run, {1, 1, 1, 1, 1, 1, 1, 1, 1}), dream::InvalidInput);
    EXPECT_THROW(zeros.data<double>(), dream::Error);
    EXPECT_THROW(zeros.data<int32_t>(), dream::Error);
    dream::Tensor moved = dream::Tensor::zeros(run, {1});
    dream_dl_managed_tensor* handed_over = moved.release();
    EXPECT_EQ(dream::Tensor(handed_over).size(), 1U);
  });
}

TEST(Tensor, ViewsRefuseWhatTheyCannotShow) {
  float values[6] = {0, 1, 2, 3, 4, 5};
  int64_t shape[] = {2, 3}, strides[] = {1, 2};
  dream_dl_tensor tensor{};
  tensor.data = values;
  tensor.device.device_type = DREAM_DEVICE_CPU;
  tensor.ndim = 2;
  tensor.dtype = {DREAM_DTYPE_FLOAT, 32, 1};
  tensor.shape = shape;
  tensor.byte_offset = 4;
  shape[0] = 1;
  EXPECT_EQ(dream::TensorView(tensor).data<float>()[0], 1);
  shape[0] = 2;
  tensor.byte_offset = 0;
  tensor.strides = strides;
  EXPECT_THROW(dream::TensorView(tensor).data<float>(), dream::Error);  // transposed
  strides[0] = 3;
  strides[1] = 1;
  EXPECT_EQ(dream::TensorView(tensor).data<const float>()[5], 5);
  tensor.device.device_type = DREAM_DEVICE_CUDA;
  EXPECT_THROW(dream::TensorView(tensor).data<float>(), dream::Error);
  EXPECT_THROW(dream::Tensor(nullptr), dream::Error);
}

}  // namespace

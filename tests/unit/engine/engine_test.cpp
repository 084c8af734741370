// The engine as the worker uses it: options, the shared cache, concurrent requests, callbacks.
#include "sdk/engine/engine.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace dream::engine {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<Engine> make_engine() {
  return std::unique_ptr<Engine>(dream_engine_create({.device = "cpu", .dtype = "fp32"}));
}

GenerateRequest small_request() {
  GenerateRequest request;
  request.prompt = "a fox";
  request.width = request.height = 64;
  request.num_inference_steps = 2;
  request.seed = 5;
  return request;
}

std::vector<Image> draw(const Pipeline& pipeline, const GenerateRequest& request) {
  std::vector<Image> images;
  pipeline.generate(request, [&](int index, Image image) {
    EXPECT_EQ(index, static_cast<int>(images.size()));
    images.push_back(std::move(image));
  });
  return images;
}

TEST(Engine, RefusesUnknownDevicesAndTypes) {
  const auto fails = [](const EngineOptions& options, const std::string& word) {
    try {
      delete dream_engine_create(options);
      ADD_FAILURE() << word;
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
    }
  };
  fails({.device = "tpu"}, "tpu");
  fails({.device = "cpu", .dtype = "fp8"}, "fp8");
  fails({.device = "cpu", .dtype = "fp16"}, "fp16");
}

TEST(Engine, TellsWhatItIs) {
  const auto engine = make_engine();
  EXPECT_EQ(engine->device(), "cpu");
  EXPECT_EQ(engine->dtype(), "fp32");
  EXPECT_EQ(engine->torch_version().substr(0, 2), "2.");
}

TEST(Engine, SharesAFolderUntilItChanges) {
  const auto folder = fs::temp_directory_path() / "dream_engine_test_model";
  fs::remove_all(folder);
  fs::copy(EMOJI_SD, folder, fs::copy_options::recursive);
  const auto engine = make_engine();
  const auto first = engine->load(folder, {});
  EXPECT_EQ(engine->load(folder / "unet" / "..", {}), first);
  const auto file = folder / "unet" / "diffusion_pytorch_model.safetensors";
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(5));
  EXPECT_NE(engine->load(folder, {}), first);
  fs::remove_all(folder);
  EXPECT_THROW(engine->load(folder, {}), std::runtime_error);
  EXPECT_EQ(draw(*first, small_request()).size(), 1u) << "a loaded model outlives its folder";
}

TEST(Engine, ConcurrentRequestsDoNotTouchEachOther) {
  const auto engine = make_engine();
  const auto pipeline = engine->load(EMOJI_SD, {});
  auto request = small_request();
  const auto alone = draw(*pipeline, request);
  auto other = request;
  other.scheduler = "PNDM";
  other.prompt = "a tree";
  std::vector<Image> beside;
  std::thread thread([&] { draw(*pipeline, other); });
  std::thread same([&] { beside = draw(*pipeline, request); });
  thread.join();
  same.join();
  ASSERT_EQ(beside.size(), 1u);
  EXPECT_EQ(beside[0].pixels, alone[0].pixels);
}

TEST(Engine, HandsOverEachPictureOnceItIsDrawn) {
  const auto engine = make_engine();
  const auto pipeline = engine->load(EMOJI_SD, {});
  auto request = small_request();
  request.num_outputs = 2;
  std::string order;
  request.on_step = [&](const Step& step) {
    order.append("s").append(std::to_string(step.image));
    return true;
  };
  pipeline->generate(request, [&](int index, Image image) {
    order.append("p").append(std::to_string(index));
    EXPECT_EQ(image.width, 64);
    EXPECT_EQ(image.pixels.size(), 64u * 64 * 3);
  });
  EXPECT_EQ(order, "s0s0p0p1") << "small pictures are drawn side by side";
}

TEST(Engine, CancelAndErrorsOfTheCallerPassThrough) {
  const auto engine = make_engine();
  const auto pipeline = engine->load(EMOJI_SD, {});
  auto request = small_request();
  request.on_step = [](const Step&) { return false; };
  EXPECT_THROW(draw(*pipeline, request), Canceled);
  request.on_step = [](const Step&) -> bool { throw std::out_of_range("mine"); };
  EXPECT_THROW(draw(*pipeline, request), std::out_of_range);
}

}  // namespace
}  // namespace dream::engine

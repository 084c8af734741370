// The engine as the worker uses it: options, the shared cache, concurrent requests, callbacks.
#include "sdk/engine/engine.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
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

// A copy of the bundled model whose UNet differs in one byte where `change` is not 0.
fs::path model_like_emoji(const std::string& name, char change = 0) {
  const auto folder = fs::temp_directory_path() / name;
  fs::remove_all(folder);
  fs::copy(EMOJI_SD, folder, fs::copy_options::recursive);
  std::fstream unet(folder / "unet" / "diffusion_pytorch_model.safetensors",
                    std::ios::in | std::ios::out | std::ios::binary);
  unet.seekg(-2, std::ios::end);
  const char byte = static_cast<char>(unet.get() ^ change);
  unet.seekp(-2, std::ios::end);
  unet.put(byte);
  return folder;
}

int count_of(const Engine& engine, const std::string& kind) {
  int count = 0;
  for (const auto& resident : engine.residents()) count += resident.kind == kind ? 1 : 0;
  return count;
}

std::int64_t bytes_of(const Engine& engine) {
  std::int64_t bytes = 0;
  for (const auto& resident : engine.residents()) bytes += resident.bytes;
  return bytes;
}

TEST(Engine, HoldsEqualPartsOnce) {
  const auto engine = make_engine();
  const auto base = engine->load(EMOJI_SD, {});
  const auto bytes = bytes_of(*engine);
  const auto same = engine->load(model_like_emoji("dream_engine_same"), {});
  EXPECT_EQ(bytes_of(*engine), bytes) << "all of it equals what is there";
  const auto tuned = engine->load(model_like_emoji("dream_engine_tuned", 1), {});
  EXPECT_EQ(count_of(*engine, "unet"), 2);
  for (const char* kind : {"vae", "text_encoder", "tokenizer"})
    EXPECT_EQ(count_of(*engine, kind), 1) << kind;
  const auto expected = draw(*base, small_request()).at(0).pixels;
  EXPECT_EQ(draw(*same, small_request()).at(0).pixels, expected);
  draw(*tuned, small_request());
  EXPECT_EQ(draw(*base, small_request()).at(0).pixels, expected);
  // What is in memory is not what a file holds that was written to since.
  model_like_emoji("dream_engine_tuned", 2);
  EXPECT_NE(engine->load(fs::temp_directory_path() / "dream_engine_tuned", {}), tuned);
  EXPECT_EQ(count_of(*engine, "unet"), 3);
  for (const char* name : {"dream_engine_same", "dream_engine_tuned"})
    fs::remove_all(fs::temp_directory_path() / name);
}

TEST(Engine, LoadsAgainWhatHadToLeave) {
  std::vector<std::string> log;
  EngineOptions options{.device = "cpu", .dtype = "fp32"};
  options.log = [&](const std::string& line) { log.push_back(line); };
  const auto measure = std::unique_ptr<Engine>(dream_engine_create(options));
  measure->load(EMOJI_SD, {});
  options.memory_budget = bytes_of(*measure);
  const std::unique_ptr<Engine> engine(dream_engine_create(options));
  const auto base = engine->load(EMOJI_SD, {});
  const auto expected = draw(*base, small_request()).at(0).pixels;
  const auto folder = model_like_emoji("dream_engine_budget", 1);
  const auto tuned = engine->load(folder, {});
  EXPECT_EQ(count_of(*engine, "unet"), 1) << "room for one";
  EXPECT_EQ(count_of(*engine, "vae"), 1) << "the base's, though its UNet had to leave";
  EXPECT_LE(bytes_of(*engine), options.memory_budget);
  log.clear();
  std::vector<std::string> told;
  {
    const auto held = base->hold([&](const std::string& line) { told.push_back(line); });
    EXPECT_EQ(draw(*base, small_request()).at(0).pixels, expected);
    EXPECT_TRUE(engine->residents().front().in_use);
  }
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].find("loaded unet ("), 0u) << told[0];
  ASSERT_EQ(log.size(), 2u);
  EXPECT_NE(log[0].find("unet of " + folder.string() + " leaves"), std::string::npos) << log[0];
  EXPECT_LE(bytes_of(*engine), options.memory_budget);
  fs::remove_all(folder);
  EXPECT_THROW(draw(*tuned, small_request()), std::runtime_error) << "its files are gone";
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

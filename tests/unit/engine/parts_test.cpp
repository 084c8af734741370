// The parts of the pipeline one by one: they add up to generate(), and each checks what it is
// given.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sdk/engine/engine.hpp"

namespace dream::engine {
namespace {

constexpr const char* prompt = "a fox on a blue background";

class Parts : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    engine = dream_engine_create({.device = "cpu", .dtype = "fp32", .threads = 1});
    pipeline = engine->load(EMOJI_SD, {});
  }
  static void TearDownTestSuite() {
    pipeline.reset();
    delete engine;
  }

  static GenerateRequest request(const char* scheduler) {
    GenerateRequest wanted;
    wanted.prompt = prompt;
    wanted.negative_prompt = "blurry";
    wanted.width = 64;
    wanted.height = 96;
    wanted.num_inference_steps = 4;
    wanted.scheduler = scheduler;
    wanted.seed = 11;
    return wanted;
  }
  static DenoiseRequest loop_request(const char* scheduler) {
    DenoiseRequest wanted;
    wanted.prompt = pipeline->encode_prompt(prompt, 0);
    wanted.negative_prompt = pipeline->encode_prompt("blurry", 0);
    wanted.width = 64;
    wanted.height = 96;
    wanted.steps = 4;
    wanted.scheduler = scheduler;
    wanted.seed = 11;
    return wanted;
  }
  static Image draw(const GenerateRequest& wanted) {
    Image drawn;
    pipeline->generate(wanted, [&](int, Image image) { drawn = std::move(image); });
    return drawn;
  }
  template <class Call>
  static void refuses(const std::string& words, Call call) {
    try {
      call();
      ADD_FAILURE() << "accepted: " << words;
    } catch (const InvalidInput& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  }

  static inline Engine* engine = nullptr;
  static inline std::shared_ptr<const Pipeline> pipeline;
};

TEST_F(Parts, AddUpToGenerate) {
  for (const char* scheduler : scheduler_names) {
    const auto loop = pipeline->denoise(loop_request(scheduler));
    for (int left = 3; left >= 0; --left) EXPECT_EQ(loop->step(), left);
    const Image drawn = pipeline->decode_latents(loop->latents());
    EXPECT_EQ(drawn.width, 64);
    EXPECT_EQ(drawn.height, 96);
    EXPECT_EQ(drawn.pixels, draw(request(scheduler)).pixels) << scheduler;
  }
}

TEST_F(Parts, AddUpWithoutGuidanceAndWithGivenNoise) {
  auto wanted = request("DDIM");
  wanted.guidance_scale = 1;
  auto by_hand = loop_request("DDIM");
  by_hand.guidance_scale = 1;
  by_hand.negative_prompt.reset();
  const int factor = pipeline->info().size_multiple;
  by_hand.latents = engine->randn({1, 4, 96 / factor, 64 / factor}, 11);
  by_hand.width = by_hand.height = 0;
  const auto loop = pipeline->denoise(by_hand);
  while (loop->step() > 0) continue;
  EXPECT_EQ(pipeline->decode_latents(loop->latents()).pixels, draw(wanted).pixels);
}

TEST_F(Parts, InfoFitsWhatThePartsReturn) {
  const ModelInfo& info = pipeline->info();
  const HostTensor text = pipeline->encode_prompt(prompt, 1);
  EXPECT_EQ(text.shape, (std::vector<std::int64_t>{1, info.text_tokens, info.text_width}));
  EXPECT_EQ(text.data.size(), static_cast<std::size_t>(info.text_tokens) * info.text_width);
  EXPECT_NE(text.data, pipeline->encode_prompt(prompt, 0).data);
  const auto loop = pipeline->denoise(loop_request("DDIM"));
  EXPECT_EQ(loop->latents().shape,
            (std::vector<std::int64_t>{1, info.latent_channels, 96 / info.size_multiple,
                                       64 / info.size_multiple}));
}

TEST_F(Parts, ChangedLatentsCountInBothWays) {
  const auto darken = [](HostTensor& latents) {
    for (float& value : latents.data) value *= 0.9F;
  };
  auto wanted = request("DPMSolverMultistep");
  std::vector<int> steps;
  wanted.on_latents = [&](const Step& step, HostTensor& latents) {
    steps.push_back(step.step);
    darken(latents);
  };
  const Image hooked = draw(wanted);
  EXPECT_EQ(steps, (std::vector<int>{1, 2, 3, 4}));
  const auto loop = pipeline->denoise(loop_request("DPMSolverMultistep"));
  int left = 4;
  while (left > 0) {
    left = loop->step();
    darken(loop->latents());
  }
  EXPECT_EQ(pipeline->decode_latents(loop->latents()).pixels, hooked.pixels);
  EXPECT_NE(draw(request("DPMSolverMultistep")).pixels, hooked.pixels);
}

TEST_F(Parts, TheHookMayFailButNotResize) {
  auto wanted = request("DDIM");
  wanted.on_latents = [](const Step&, HostTensor&) { throw std::out_of_range("mine"); };
  EXPECT_THROW(draw(wanted), std::out_of_range);
  wanted.on_latents = [](const Step&, HostTensor& latents) { latents.data.pop_back(); };
  refuses("latents after on_latents", [&] { draw(wanted); });
}

TEST_F(Parts, APictureSurvivesTheWayThroughTheLatents) {
  const Image drawn = draw(request("DDIM"));
  const HostTensor latents = pipeline->encode_image(drawn, 3);
  EXPECT_EQ(latents.data, pipeline->encode_image(drawn, 3).data);
  EXPECT_NE(latents.data, pipeline->encode_image(drawn, 4).data);
  const Image again = pipeline->decode_latents(latents);
  double difference = 0;
  for (std::size_t i = 0; i < drawn.pixels.size(); ++i)
    difference += std::abs(int{drawn.pixels[i]} - int{again.pixels[i]});
  EXPECT_LT(difference / static_cast<double>(drawn.pixels.size()), 25);
}

TEST_F(Parts, WrongInputIsNamed) {
  refuses("clip_skip is 99", [] { pipeline->encode_prompt(prompt, 99); });
  refuses("width is 65", [] { pipeline->encode_image({65, 64, {}}, 0); });
  refuses("no pixels", [] { pipeline->encode_image({0, 0, {}}, 0); });
  refuses("0 bytes", [] { pipeline->encode_image({64, 64, {}}, 0); });
  refuses("latents has shape [4]", [] { pipeline->decode_latents({{4}, {1, 2, 3, 4}}); });
  refuses("at most 786432", [] {
    pipeline->decode_latents({{1, 4, 512, 1024}, std::vector<float>(4 * 512 * 1024)});
  });
  refuses("has 0 values", [] { pipeline->decode_latents({{1, 4, 8, 8}, {}}); });
  auto wanted = loop_request("Euler?");
  refuses("scheduler", [&] { pipeline->denoise(wanted); });
  wanted = loop_request("DDIM");
  wanted.negative_prompt.reset();
  refuses("needs a negative prompt", [&] { pipeline->denoise(wanted); });
  wanted = loop_request("DDIM");
  wanted.negative_prompt->shape = {1, 1, 1};
  refuses("negative prompt embedding has shape [1, 1, 1]", [&] { pipeline->denoise(wanted); });
  wanted.prompt.shape[2] = 7;
  refuses("prompt embedding has shape", [&] { pipeline->denoise(wanted); });
  wanted = loop_request("DDIM");
  wanted.steps = 1;
  const auto loop = pipeline->denoise(wanted);
  EXPECT_EQ(loop->step(), 0);
  refuses("all 1 steps are done", [&] { loop->step(); });
}

TEST_F(Parts, RandnIsSeeded) {
  const HostTensor noise = engine->randn({2, 50, 100}, 42);
  EXPECT_EQ(noise.shape, (std::vector<std::int64_t>{2, 50, 100}));
  EXPECT_EQ(noise.data, engine->randn({2, 50, 100}, 42).data);
  EXPECT_NE(noise.data, engine->randn({2, 50, 100}, 43).data);
  // torch.manual_seed(42); torch.randn(20)[:3]
  const HostTensor known = engine->randn({20}, 42);
  EXPECT_FLOAT_EQ(known.data[0], 1.9269153F);
  EXPECT_FLOAT_EQ(known.data[1], 1.4872841F);
  EXPECT_FLOAT_EQ(known.data[2], 0.90071720F);
  EXPECT_EQ(engine->randn({0, 3}, 1).data.size(), 0U);
}

}  // namespace
}  // namespace dream::engine

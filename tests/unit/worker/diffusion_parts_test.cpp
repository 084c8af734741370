// The parts of the pipeline at the C line, over a pipeline that computes next to nothing.
#include <cstring>
#include <numeric>

#include "host/worker/sdk_host/diffusion.hpp"
#include "host/worker/sdk_host/diffusion_request.hpp"
#include "host/worker/sdk_host/image.hpp"
#include "host/worker/sdk_host/tensor.hpp"
#include "tests/unit/worker/interface_fixture.hpp"

namespace dream::worker {
namespace {

struct CountingLoop final : engine::DenoiseLoop {
  int step() override {
    if (left == 0) throw engine::InvalidInput("the denoise loop is over");
    for (float& value : now.data) value += 1;
    return --left;
  }
  engine::HostTensor& latents() override { return now; }

  int left = 0;
  engine::HostTensor now{{1, 1, 1, 2}, {0, 0}};
};

struct FakePipeline final : engine::Pipeline {
  const engine::ModelInfo& info() const override { return model; }
  std::shared_ptr<const void> hold(
      const std::function<void(const std::string&)>&) const override {
    return nullptr;
  }
  void generate(const engine::GenerateRequest&,
                const std::function<void(int, engine::Image)>&) const override {}
  engine::HostTensor encode_prompt(const std::string& prompt, int clip_skip) const override {
    if (clip_skip > 11) throw engine::InvalidInput("clip_skip is too much");
    return {{1, 1, 2}, {static_cast<float>(prompt.size()), static_cast<float>(clip_skip)}};
  }
  engine::HostTensor encode_image(const engine::Image& image, std::uint64_t seed) const override {
    return {{2}, {static_cast<float>(image.pixels.size()), static_cast<float>(seed)}};
  }
  engine::Image decode_latents(const engine::HostTensor& latents) const override {
    return {1, 1, std::vector<std::uint8_t>(3, static_cast<std::uint8_t>(latents.data.at(0)))};
  }
  std::unique_ptr<engine::DenoiseLoop> denoise(
      const engine::DenoiseRequest& request) const override {
    asked = request;
    auto loop = std::make_unique<CountingLoop>();
    loop->left = request.steps;
    return loop;
  }
  engine::ModelInfo model{.native_size = 128,
                          .size_multiple = 4,
                          .prediction_type = "epsilon",
                          .latent_channels = 5,
                          .text_tokens = 77,
                          .text_width = 6};
  mutable engine::DenoiseRequest asked;
};

class DiffusionParts : public InterfaceTest {
 protected:
  DiffusionParts() { engine_.pipeline = pipeline_; }

  static engine::HostTensor values(dream_dl_managed_tensor* tensor) {
    engine::HostTensor copy = host_tensor(&tensor->dl_tensor, "result");
    tensor->deleter(tensor);
    return copy;
  }

  const dream_engine_diffusion_1& api_ = engine_diffusion_interface();
  std::shared_ptr<FakePipeline> pipeline_ = std::make_shared<FakePipeline>();
  dream_diffusion engine_;
  dream_diffusion empty_;
};

TEST_F(DiffusionParts, info_tells_what_the_weights_are) {
  EXPECT_EQ(api_.struct_size, sizeof(dream_engine_diffusion_1));
  dream_diffusion_info info{};
  info.struct_size = sizeof info;
  EXPECT_EQ(taken(api_.info(&engine_, &info)), "");
  EXPECT_EQ(info.has_weights, 1U);
  EXPECT_EQ(info.native_size, 128U);
  EXPECT_EQ(info.vae_factor, 4U);
  EXPECT_EQ(info.latent_channels, 5U);
  EXPECT_EQ(info.text_tokens, 77U);
  EXPECT_EQ(info.text_width, 6U);
  EXPECT_EQ(taken(api_.info(&empty_, &info)), "");
  EXPECT_EQ(info.has_weights + info.native_size + info.text_width, 0U);
  info.text_width = 3;
  info.struct_size = offsetof(dream_diffusion_info, text_width);
  EXPECT_EQ(taken(api_.info(&engine_, &info)), "");
  EXPECT_EQ(info.text_width, 3U) << "beyond what the template knows";
}

TEST_F(DiffusionParts, schedulers_end_with_null) {
  const char* const* names = api_.schedulers(&host_);
  std::size_t count = 0;
  while (names[count] != nullptr) ++count;
  EXPECT_EQ(count, engine::scheduler_names.size());
}

TEST_F(DiffusionParts, texts_and_pictures_become_tensors) {
  dream_dl_managed_tensor* tensor = nullptr;
  ASSERT_EQ(taken(api_.encode_prompt(&engine_, to_str("four"), 2, &tensor)), "");
  EXPECT_EQ(values(tensor).data, (std::vector<float>{4, 2}));
  expect_failure(api_.encode_prompt(&engine_, to_str("x"), 0xffffffff, &tensor),
                 "invalid: clip_skip is too much");
  EXPECT_EQ(tensor, nullptr);
  dream_image* image = make_image(engine::blank_picture(2, 2, 3));
  ASSERT_EQ(taken(api_.encode_image(&engine_, image, 9, &tensor)), "");
  EXPECT_EQ(values(tensor).data, (std::vector<float>{12, 9}));
  image_interface().release(image);
  image = make_image(engine::blank_picture(2, 2, 4));
  expect_failure(api_.encode_image(&engine_, image, 9, &tensor), "invalid: the picture has 4");
  image_interface().release(image);
  engine::HostTensor latents{{1}, {42}};
  const dream_dl_tensor view = dl_view(latents);
  ASSERT_EQ(taken(api_.decode_latents(&engine_, &view, &image)), "");
  EXPECT_EQ(image->picture.data, std::vector<std::uint8_t>(3, 42));
  image_interface().release(image);
}

TEST_F(DiffusionParts, a_loop_goes_step_by_step) {
  engine::HostTensor prompt{{1, 1, 2}, {3, 4}}, noise{{1}, {5}};
  const dream_dl_tensor prompt_view = dl_view(prompt), noise_view = dl_view(noise);
  dream_denoise_request request{};
  request.struct_size = sizeof request;
  request.steps = 2;
  request.guidance_scale = 1.5;
  request.seed = 8;
  request.prompt = &prompt_view;
  request.latents = &noise_view;
  request.width = 64;
  dream_denoise* loop = nullptr;
  ASSERT_EQ(taken(api_.denoise_begin(&engine_, &request, &loop)), "");
  const engine::DenoiseRequest& asked = pipeline_->asked;
  EXPECT_EQ(asked.scheduler, "DPMSolverMultistep");
  EXPECT_EQ(asked.prompt.data, prompt.data);
  EXPECT_EQ(asked.latents->data, noise.data);
  EXPECT_FALSE(asked.negative_prompt.has_value());
  EXPECT_EQ(asked.seed, 8U);
  EXPECT_EQ(asked.width, 64);

  std::uint32_t left = 9;
  ASSERT_EQ(taken(api_.denoise_step(loop, &left)), "");
  EXPECT_EQ(left, 1U);
  dream_dl_tensor now{};
  ASSERT_EQ(taken(api_.denoise_latents(loop, &now)), "");
  static_cast<float*>(now.data)[0] = 10;
  ASSERT_EQ(taken(api_.denoise_step(loop, &left)), "");
  ASSERT_EQ(taken(api_.denoise_latents(loop, &now)), "");
  EXPECT_EQ(host_tensor(&now, "x").data, (std::vector<float>{11, 2}));
  expect_failure(api_.denoise_step(loop, &left), "invalid: the denoise loop is over");
  api_.denoise_end(loop);
  api_.denoise_end(nullptr);

  request.struct_size = offsetof(dream_denoise_request, latents);
  ASSERT_EQ(taken(api_.denoise_begin(&engine_, &request, &loop)), "");
  EXPECT_FALSE(asked.latents.has_value()) << "beyond what the template knows";
  api_.denoise_end(loop);
  request.prompt = nullptr;
  expect_failure(api_.denoise_begin(&engine_, &request, &loop), "prompt is a null pointer");
}

TEST_F(DiffusionParts, say_that_weights_are_missing) {
  dream_dl_managed_tensor* tensor = nullptr;
  expect_failure(api_.encode_prompt(&empty_, to_str("x"), 0, &tensor), "add weights");
  dream_denoise_request request{};
  request.struct_size = sizeof request;
  dream_denoise* loop = nullptr;
  expect_failure(api_.denoise_begin(&empty_, &request, &loop), "add weights");
  expect_failure(api_.encode_prompt(nullptr, to_str("x"), 0, &tensor), "null pointer");
}

TEST_F(DiffusionParts, the_latents_hook_reaches_the_template_and_back) {
  TemplateSchema schema;
  std::atomic<bool> canceled{false};
  RunState run(
      schema, RunRequest{"p", "t", nlohmann::json::object(), testing::TempDir() + "d"},
      [](const nlohmann::json&) {}, canceled);
  dream_overrides overrides{};
  overrides.struct_size = sizeof overrides;
  std::uint64_t seen = 0;
  overrides.user = &seen;
  overrides.on_latents = [](void* user, std::uint64_t step, std::uint64_t steps,
                            dream_dl_tensor* latents) -> dream_status* {
    *static_cast<std::uint64_t*>(user) = 100 * step + steps;
    static_cast<float*>(latents->data)[0] = 7;
    return step == 4 ? make_status(DREAM_UNSUPPORTED, "no fourth") : nullptr;
  };
  const auto job = diffusion_job(run, known_part(&overrides), pipeline_->info(),
                                 weights::ModelStore(""), {});
  engine::HostTensor latents{{1, 1, 1, 1}, {0}};
  job.request.on_latents({.step = 3, .steps = 9}, latents);
  EXPECT_EQ(seen, 309U);
  EXPECT_EQ(latents.data[0], 7);
  try {
    job.request.on_latents({.step = 4, .steps = 9}, latents);
    ADD_FAILURE();
  } catch (const SdkError& error) {
    EXPECT_EQ(error.code(), DREAM_UNSUPPORTED);
    EXPECT_STREQ(error.what(), "no fourth");
  }
  overrides.struct_size = offsetof(dream_overrides, on_latents);
  const auto short_job = diffusion_job(run, known_part(&overrides), pipeline_->info(),
                                       weights::ModelStore(""), {});
  EXPECT_FALSE(short_job.request.on_latents);
}

}  // namespace
}  // namespace dream::worker

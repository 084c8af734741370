#include "host/worker/sdk_host/diffusion_inputs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "host/worker/sdk_host/diffusion_request.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"
#include "tests/unit/temporary_folder.hpp"

namespace dream::worker {
namespace {
namespace fs = std::filesystem;

TemplateSchema diffusion_schema() {
  TemplateSchema schema;
  for (auto& input : diffusion_inputs({})) schema.add(std::move(input));
  return schema;
}

TEST(DiffusionInputs, stand_in_the_order_clients_know) {
  std::string names;
  for (const InputSpec& input : diffusion_inputs({})) names += input.name + " ";
  EXPECT_EQ(names,
            "image mask prompt negative_prompt width height num_outputs num_inference_steps "
            "guidance_scale prompt_strength scheduler disable_safety_check seed lora "
            "embeddings guess_mode control_is_preprocessed resize_mode extra_controls "
            "prompt_syntax clip_skip karras paste_original output_format output_quality "
            "guidance_rescale eta ");
}

TEST(DiffusionInputs, of_a_control_template_stand_among_them) {
  const ControlSource canny{"controlnet-canny", "canny"}, ready{"t2i-adapter-keypose", ""};
  const auto names = [](const ControlSource& source) {
    std::string text;
    for (const InputSpec& input : diffusion_inputs({}, &source)) text += input.name + " ";
    return text;
  };
  EXPECT_EQ(names(canny),
            "control_image image mask prompt negative_prompt width height num_outputs "
            "num_inference_steps guidance_scale prompt_strength low_threshold high_threshold "
            "scheduler disable_safety_check return_processed_control seed lora embeddings "
            "conditioning_scale control_guidance_start control_guidance_end guess_mode "
            "control_is_preprocessed resize_mode extra_controls prompt_syntax clip_skip karras "
            "paste_original output_format output_quality guidance_rescale eta ");
  EXPECT_EQ(names(ready).find("threshold"), std::string::npos);
  const auto inputs = diffusion_inputs({}, &canny);
  const auto& low = *std::ranges::find(inputs, "low_threshold", &InputSpec::name);
  EXPECT_EQ(low.type, DREAM_INTEGER);
  EXPECT_EQ(*low.default_value, 100);
  EXPECT_EQ(low.ge, 0);
  EXPECT_EQ(low.le, 1020);
  TemplateSchema schema;
  for (const auto& input : inputs) schema.add(input);  // add() lints
  for (const InputSpec& input : schema.inputs()) EXPECT_FALSE(input.required()) << input.name;
  const ControlSource unknown{"controlnet-canny", "crayon"};
  EXPECT_THROW(diffusion_inputs({}, &unknown), SdkError);
}

TEST(DiffusionInputs, keep_the_lint_and_the_defaults) {
  const TemplateSchema schema = diffusion_schema();  // add() lints
  const auto input = [&](const char* name) { return *schema.find(name); };
  EXPECT_EQ(*input("prompt").default_value, "photo of cjw person");
  EXPECT_EQ(*input("negative_prompt").default_value, "");
  EXPECT_TRUE(input("width").nullable);
  EXPECT_FALSE(input("width").default_value);
  EXPECT_EQ(input("height").choices.size(), 13U);
  EXPECT_EQ(input("num_outputs").le, 10);
  EXPECT_EQ(*input("num_inference_steps").default_value, 50);
  EXPECT_EQ(*input("guidance_scale").default_value, 7.5);
  EXPECT_EQ(*input("scheduler").default_value, "DPMSolverMultistep");
  EXPECT_TRUE(input("seed").nullable);
  for (const InputSpec& each : schema.inputs()) EXPECT_FALSE(each.required()) << each.name;
}

TEST(DiffusionInputs, take_the_prompt_of_the_weights) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "model_index.json")
      << R"({"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet"]})";
  EXPECT_EQ(diffusion_defaults(folder.path()).prompt, "photo of cjw person");
  std::ofstream(folder.path() / "args.json") << R"({"instance_prompt": "a fox"})";
  EXPECT_EQ(diffusion_defaults(folder.path()).prompt, "a fox");
  std::ofstream(folder.path() / "args.json") << R"({"instance_prompt": 7})";
  EXPECT_EQ(diffusion_defaults(folder.path()).prompt, "photo of cjw person");
  EXPECT_EQ(diffusion_defaults("none").prompt, "photo of cjw person");
  EXPECT_EQ(diffusion_defaults("/nonexistent").prompt, "photo of cjw person");
}

class DiffusionRequest : public testing::Test {
 protected:
  DiffusionJob job(const nlohmann::json& input, const dream_overrides* overrides = nullptr) {
    const RunState run(
        schema_, {"id", "vanilla", input, folder_.path()}, [](const nlohmann::json&) {}, canceled_);
    return diffusion_job(run, known_part(overrides), model_, weights::ModelStore(""),
                         read_input_pictures(run));
  }
  std::string error(const nlohmann::json& input) {
    try {
      job(input);
      return "";
    } catch (const SdkError& caught) {
      EXPECT_EQ(caught.code(), DREAM_INVALID_INPUT);
      return caught.what();
    }
  }

  TemporaryFolder folder_;
  TemplateSchema schema_ = diffusion_schema();
  std::atomic<bool> canceled_{false};
  engine::ModelInfo model_;
};

TEST_F(DiffusionRequest, fills_defaults_and_the_native_size) {
  model_.native_size = 64;
  const DiffusionJob made = job(nlohmann::json::object());
  EXPECT_EQ(made.request.prompt, "photo of cjw person");
  EXPECT_EQ(made.request.width, 64);
  EXPECT_EQ(made.request.height, 64);
  EXPECT_EQ(made.request.num_inference_steps, 50);
  EXPECT_EQ(made.request.guidance_scale, 7.5);
  EXPECT_EQ(made.output_format, "png");
  EXPECT_TRUE(made.seed_drawn);
  EXPECT_GE(made.request.seed, 0);
  EXPECT_LE(made.request.seed, 0xffff);
}

TEST_F(DiffusionRequest, draws_different_seeds) {
  std::set<std::int64_t> seeds;
  for (int i = 0; i < 20; ++i) seeds.insert(job(nlohmann::json::object()).request.seed);
  EXPECT_GT(seeds.size(), 1U);
}

TEST_F(DiffusionRequest, takes_what_the_user_says) {
  const DiffusionJob made = job({{"prompt", "a fox"},
                                 {"width", 768},
                                 {"height", 1024},
                                 {"seed", 7},
                                 {"karras", true},
                                 {"clip_skip", 2},
                                 {"scheduler", "DDIM"},
                                 {"guidance_scale", 3},
                                 {"guidance_rescale", 0.7},
                                 {"eta", 0.5},
                                 {"output_format", "webp"},
                                 {"output_quality", 80}});
  EXPECT_EQ(made.request.width, 768);
  EXPECT_EQ(made.request.height, 1024);
  EXPECT_EQ(made.request.seed, 7);
  EXPECT_FALSE(made.seed_drawn);
  EXPECT_TRUE(made.request.karras);
  EXPECT_EQ(made.request.clip_skip, 2);
  EXPECT_EQ(made.request.scheduler, "DDIM");
  EXPECT_EQ(made.request.guidance_scale, 3.0);
  EXPECT_EQ(made.request.guidance_rescale, 0.7);
  EXPECT_EQ(made.request.eta, 0.5);
  EXPECT_EQ(made.output_format, "webp");
  EXPECT_EQ(made.output_quality, 80);
}

TEST_F(DiffusionRequest, refuses_too_many_pixels_and_impossible_seeds) {
  EXPECT_EQ(error({{"width", 1024}, {"height", 1024}}),
            "width 1024 x height 1024 is 1048576 pixels: at most 786432 are allowed, for example "
            "1024 x 768");
  EXPECT_EQ(error({{"width", 1024}, {"height", 768}}), "");
  EXPECT_NE(error({{"seed", -1}}).find("seed -1"), std::string::npos);
  EXPECT_NE(error({{"seed", INT64_MAX}}).find("seed"), std::string::npos);
}

TEST_F(DiffusionRequest, overrides_reach_as_far_as_their_struct) {
  const dream_str prompt = to_str("mine");
  dream_overrides overrides{};
  overrides.struct_size = sizeof overrides;
  overrides.prompt = &prompt;
  overrides.negative_prompt = &prompt;
  EXPECT_EQ(job({{"prompt", "theirs"}}, &overrides).request.prompt, "mine");
  EXPECT_EQ(job({{"prompt", "theirs"}}, &overrides).request.negative_prompt, "mine");
  overrides.struct_size = offsetof(dream_overrides, negative_prompt);
  EXPECT_EQ(job({{"negative_prompt", "theirs"}}, &overrides).request.negative_prompt, "theirs");
  overrides = {};
  overrides.struct_size = sizeof overrides;
  EXPECT_EQ(job({{"prompt", "theirs"}}, &overrides).request.prompt, "theirs");
}

}  // namespace
}  // namespace dream::worker

// From a run's inputs to the controls that lead it: strengths, settings, names, wrong values.
#include "host/worker/sdk_host/control_plan.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "host/worker/imaging/encode.hpp"
#include "host/worker/sdk_host/control_kinds.hpp"
#include "host/worker/sdk_host/diffusion_inputs.hpp"
#include "host/worker/sdk_host/diffusion_request.hpp"
#include "host/worker/sdk_host/image.hpp"
#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/output_file.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"
#include "host/worker/sdk_host/values.hpp"
#include "tests/unit/temporary_folder.hpp"

namespace dream::worker {
namespace {

class ControlPlan : public testing::Test {
 protected:
  void SetUp() override { use({"controlnet-canny", "canny"}); }

  void use(const ControlSource& source) {
    schema_ = {};
    for (auto& input : diffusion_inputs({}, &source)) schema_.add(std::move(input));
    schema_.set_control(source);
  }
  std::string picture(const std::string& name, int width, int height) {
    const auto path = (folder_.path() / name).string();
    write_file(path, imaging::encode(engine::blank_picture(width, height, 3), "png", 100));
    return path;
  }
  std::vector<PlannedControl> plan(const nlohmann::json& input, const dream_overrides& given = {}) {
    const RunState run(schema_, {"id", "t", input, testing::TempDir()},
                       [](const nlohmann::json&) {}, canceled_);
    return plan_controls(run, given, read_input_pictures(run));
  }
  std::string error(const nlohmann::json& input) {
    try {
      plan(input);
      return "";
    } catch (const SdkError& caught) {
      EXPECT_EQ(caught.code(), DREAM_INVALID_INPUT);
      return caught.what();
    }
  }

  const TemporaryFolder folder_;
  TemplateSchema schema_;
  std::atomic<bool> canceled_{false};
  const std::string photo_ = picture("photo.png", 40, 24), other_ = picture("other.png", 16, 16);
};

TEST_F(ControlPlan, is_empty_without_a_control_image) {
  EXPECT_TRUE(plan({{"prompt", "a fox"}, {"image", photo_}}).empty());
}

TEST_F(ControlPlan, takes_strength_and_settings_from_the_inputs) {
  const auto controls = plan({{"control_image", photo_},
                              {"low_threshold", 7},
                              {"conditioning_scale", 0.5},
                              {"control_guidance_start", 0.25},
                              {"control_guidance_end", 0.75}});
  ASSERT_EQ(controls.size(), 1U);
  EXPECT_EQ(controls[0].source.network, "controlnet-canny");
  EXPECT_EQ(controls[0].source.annotator, "canny");
  EXPECT_EQ(controls[0].settings, (nlohmann::json{{"low_threshold", 7}, {"high_threshold", 200}}));
  EXPECT_EQ(controls[0].scale, 0.5);
  EXPECT_EQ(controls[0].guidance_start, 0.25);
  EXPECT_EQ(controls[0].guidance_end, 0.75);
  EXPECT_EQ(controls[0].picture.width, 40);
  EXPECT_FALSE(controls[0].is_extra);
}

TEST_F(ControlPlan, leaves_ready_maps_alone) {
  const auto controls = plan({{"control_image", photo_},
                              {"control_is_preprocessed", true},
                              {"extra_controls", {"canny=" + other_ + "@1[0,1]"}}});
  ASSERT_EQ(controls.size(), 2U);
  for (const auto& control : controls) EXPECT_EQ(control.source.annotator, "");
}

TEST_F(ControlPlan, names_extra_controls_by_kind_or_network) {
  const auto controls = plan({{"extra_controls",
                               {"canny=" + photo_ + "@0.8[0,0.5]", "t2i-adapter-canny=" + other_,
                                "my-own.net=" + other_ + "@2", "style=" + other_}}});
  ASSERT_EQ(controls.size(), 4U);
  EXPECT_EQ(controls[0].source.network, "controlnet-canny");
  EXPECT_EQ(controls[0].source.annotator, "canny");
  EXPECT_TRUE(controls[0].settings.is_null());
  EXPECT_EQ(controls[0].scale, 0.8);
  EXPECT_EQ(controls[0].guidance_end, 0.5);
  EXPECT_TRUE(controls[0].is_extra);
  EXPECT_EQ(controls[1].source.network, "t2i-adapter-canny");
  EXPECT_EQ(controls[1].source.annotator, "canny");
  EXPECT_EQ(controls[1].scale, 1.0);
  EXPECT_EQ(controls[2].source.network, "my-own.net");
  EXPECT_EQ(controls[2].source.annotator, "");
  EXPECT_EQ(controls[2].scale, 2.0);
  EXPECT_EQ(controls[3].source.network, "t2i-adapter-style");
}

TEST_F(ControlPlan, refuses_wrong_values_by_name) {
  const auto contains = [&](const nlohmann::json& input, const std::string& words) {
    EXPECT_NE(error(input).find(words), std::string::npos) << error(input);
  };
  contains({{"control_image", "/nonexistent.png"}}, "control_image: ");
  contains({{"control_image", photo_},
            {"control_guidance_start", 0.8},
            {"control_guidance_end", 0.2}},
           "control_guidance_start is 0.8 and control_guidance_end 0.2");
  contains({{"extra_controls", {"canny=/nonexistent.png"}}}, "extra_controls/0: ");
  contains({{"extra_controls", {"canny=" + photo_, "canny=" + photo_ + "@3"}}},
           "extra_controls/1: ");
  contains({{"extra_controls", {"inpaint=" + photo_}}},
           "mask is missing: controlnet-inpaint repaints what a mask shows white");
}

TEST_F(ControlPlan, inpainting_takes_one_picture_for_both) {
  use({"controlnet-inpaint", "", true});
  EXPECT_EQ(plan({{"image", photo_}, {"mask", other_}}).at(0).picture.width, 40);
  EXPECT_EQ(plan({{"control_image", other_}, {"image", photo_}, {"mask", other_}})
                .at(0).picture.width, 16);
  EXPECT_TRUE(plan({{"image", photo_}}).empty());
  EXPECT_NE(error({{"control_image", photo_}}).find("mask is missing"), std::string::npos);
  const RunState run(schema_,
                     {"id", "t", {{"control_image", photo_}, {"mask", other_}}, testing::TempDir()},
                     [](const nlohmann::json&) {}, canceled_);
  EXPECT_EQ(read_input_pictures(run).image->width, 40);
}

TEST_F(ControlPlan, the_templates_own_maps_come_first_and_as_far_as_their_struct_reaches) {
  dream_image* map = make_image(engine::blank_picture(8, 8, 3));
  dream_control control{};
  control.struct_size = sizeof control;
  control.flags = DREAM_CONTROL_HAS_SCALE | DREAM_CONTROL_MASKED;
  control.network = to_str("controlnet-inpaint");
  control.image = map;
  control.scale = 0.25;
  const dream_control* controls[] = {&control};
  dream_overrides given{};
  given.struct_size = sizeof given;
  given.controls = controls;
  given.control_count = 1;
  const nlohmann::json input = {{"control_image", photo_},
                                {"image", photo_},
                                {"mask", other_},
                                {"control_guidance_end", 0.5},
                                {"extra_controls", {"canny=" + other_}}};
  const auto planned = plan(input, given);
  ASSERT_EQ(planned.size(), 2U);
  EXPECT_EQ(planned[0].source.network, "controlnet-inpaint");
  EXPECT_TRUE(planned[0].source.masked);
  EXPECT_EQ(planned[0].picture.width, 8);
  EXPECT_EQ(planned[0].scale, 0.25);
  EXPECT_EQ(planned[0].guidance_end, 0.5);  // the user's
  EXPECT_TRUE(planned[1].is_extra);
  control.struct_size = offsetof(dream_control, scale);
  EXPECT_EQ(plan(input, known_part(&given)).at(0).scale, 0);  // its flag says that it has one
  given.struct_size = offsetof(dream_overrides, controls);
  EXPECT_EQ(plan(input, known_part(&given)).at(0).input, "control_image");
  image_interface().release(map);
}

TEST(ControlKinds, have_annotators_that_exist_and_networks_of_their_family) {
  for (const auto& name : control_kind_names()) {
    const ControlSource kind = control_by_name(name);
    EXPECT_TRUE(kind.network.ends_with("-" + name)) << kind.network;
    EXPECT_EQ(control_by_name(kind.network).annotator, kind.annotator);
    EXPECT_EQ(control_by_name(kind.network).masked, kind.masked);
    EXPECT_NO_THROW(annotator_inputs(kind.annotator)) << name;
  }
}

}  // namespace
}  // namespace dream::worker

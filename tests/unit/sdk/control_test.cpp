// What a picture leads, as templates say it: control_inputs(), and control maps of their own.
#include <gtest/gtest.h>

#include "probe.hpp"

namespace t = dream::testing;

namespace {

struct Led {
  struct Inputs {
    std::optional<std::string> mood;
    dream::DiffusionInputs diffusion;
  };
  static inline bool masked = false;
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::mood, "mood").doc("How it feels");
    s.control_inputs(&Inputs::diffusion,
                     {.network = "controlnet-canny", .annotator = "canny", .masked = masked});
    s.output<dream::File>(dream::iterator);
  }
  explicit Led(dream::Setup& setup) : engine(setup) {}
  void run(const Inputs& in, dream::Run& run) { engine.generate(run, in.diffusion); }
  dream::Engine engine;
};

const dream_template led = dream::detail::make_template<Led>("led", "1", "A test.");

TEST(ControlInputs, SayNetworkAndAnnotator) {
  t::TestHost host;
  Led::masked = false;
  EXPECT_EQ(host.load(&led).schema_text(),
            "input mood: string, optional\n  How it feels\n"
            "diffusion inputs, control by controlnet-canny with annotator canny\n"
            "output: file, iterator\nruns at once: 1\n");
  ASSERT_TRUE(host.declared().control);
  EXPECT_FALSE(host.declared().control->masked);
  Led::masked = true;
  EXPECT_NE(host.load(&led).schema_text().find(", masked\n"), std::string::npos);
}

TEST(ControlInputs, AreInputsOfTheRun) {
  t::TestHost host;
  auto loaded = host.load(&led);
  EXPECT_EQ(loaded.run({{"conditioning_scale", 0.5}, {"guess_mode", true}}).status, "succeeded");
  EXPECT_EQ(loaded.run({{"conditioning", 1}}).error, "input \"conditioning\" was not declared");
  t::TestHost plain;
  const dream_template probe = dream::detail::make_template<Probe>("probe", "1", "A test.");
  Probe::body = [](Probe&, const Probe::Inputs&, dream::Run&) {};
  EXPECT_EQ(plain.load(&probe).run({{"control_image", "x.png"}}).error,
            "input \"control_image\" was not declared");
}

TEST(ControlInputs, NeedAHostThatKnowsThem) {
  t::TestHost host(0);
  host.cut(DREAM_SCHEMA_1, offsetof(dream_schema_1, add_control_inputs));
  const t::Outcome outcome = host.describe(led);
  EXPECT_EQ(outcome.code, DREAM_UNSUPPORTED);
  EXPECT_NE(outcome.message.find("add_control_inputs() of the interface \"dream.schema/1\""),
            std::string::npos)
      << outcome.message;
}

TEST(OwnControls, ReachTheEngine) {
  t::TestHost host;
  probe(
      host,
      [](Probe& probe, const Probe::Inputs& in, dream::Run& run) {
        const dream::Image map = probe.canny.annotate(run, dream::Image::create(run, 24, 16));
        probe.engine.generate(
            run, in.diffusion,
            {.controls = {{.network = "controlnet-canny", .image = map, .scale = 0.5},
                          {.network = "controlnet-inpaint",
                           .image = map.resize(8, 8),
                           .guidance_start = 0.25,
                           .guidance_end = 0.75,
                           .masked = true}}});
      },
      {}, [](const t::Result& result) { EXPECT_EQ(result.status, "succeeded") << result.error; });
  ASSERT_EQ(host.generated.size(), 1U);
  const auto& controls = host.generated[0].controls;
  ASSERT_EQ(controls.size(), 2U);
  EXPECT_EQ(controls[0].network, "controlnet-canny");
  EXPECT_EQ(controls[0].width, 24U);
  EXPECT_EQ(controls[0].height, 16U);
  EXPECT_EQ(controls[0].scale, 0.5);
  EXPECT_EQ(controls[0].guidance_start, std::nullopt);  // the user's
  EXPECT_FALSE(controls[0].masked);
  EXPECT_EQ(controls[1].scale, std::nullopt);
  EXPECT_EQ(controls[1].guidance_start, 0.25);
  EXPECT_EQ(controls[1].guidance_end, 0.75);
  EXPECT_TRUE(controls[1].masked);
}

// The picture led by a map of this brightness; a scale that is not given is the user's.
std::string picture(std::optional<double> scale, uint8_t brightness) {
  t::TestHost host;
  std::string content;
  probe(
      host,
      [&](Probe& probe, const Probe::Inputs& in, dream::Run& run) {
        dream::Image map = dream::Image::create(run, 16, 8);
        const auto pixels = map.edit();
        std::fill_n(pixels.data, pixels.stride * pixels.height, brightness);
        probe.engine.generate(run, in.diffusion,
                              {.controls = {{.network = "n", .image = map, .scale = scale}}});
      },
      {},
      [&](const t::Result& result) {
        ASSERT_EQ(result.files.size(), 1U) << result.error;
        content = result.files[0].content;
      });
  return content;
}

TEST(OwnControls, LeadThePicture) {
  const std::string led_by_it = picture(1, 255), not_led = picture(0, 255);
  EXPECT_NE(led_by_it, not_led);
  EXPECT_EQ(picture(0, 0), not_led);
  EXPECT_EQ(picture(1, 0), not_led);  // a black map leads nowhere
  EXPECT_EQ(picture({}, 255), led_by_it);
}

TEST(OwnControls, AnOlderHostIsNotLedInSilence) {
  t::TestHost host(0);
  probe(
      host,
      [](Probe& probe, const Probe::Inputs& in, dream::Run& run) {
        const dream::Image map = dream::Image::create(run, 8, 8);
        probe.engine.generate(run, in.diffusion, {.controls = {{.network = "n", .image = map}}});
      },
      {},
      [](const t::Result& result) {
        EXPECT_EQ(result.code, DREAM_UNSUPPORTED);
        EXPECT_NE(result.error.find("SDK 1.0 without control maps"), std::string::npos)
            << result.error;
      });
}

}  // namespace

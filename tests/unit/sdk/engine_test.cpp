// The engine as templates see it: opened with the template, closed with it, errors passed on.
#include <gtest/gtest.h>

#include <dream/template.hpp>
#include <dream/testing.hpp>

namespace t = dream::testing;

namespace {

class Drawer {
 public:
  struct Inputs {
    dream::DiffusionInputs diffusion;
    std::optional<std::string> style;
  };
  static void describe(dream::Schema<Inputs>& s) {
    s.diffusion_inputs(&Inputs::diffusion);
    s.in(&Inputs::style, "style").doc("Replaces the prompt");
    s.output<dream::File>(dream::iterator);
  }
  explicit Drawer(dream::Setup& setup) : engine_(setup) {}
  void run(const Inputs& in, dream::Run& run) {
    if (!in.style) {
      engine_.generate(run, in.diffusion);
    } else {
      engine_.generate(run, in.diffusion, {.prompt = *in.style, .negative_prompt = ""});
    }
  }

 private:
  dream::Engine engine_;
};

const dream_template drawer = dream::detail::make_template<Drawer>("drawer", "1", "A test.");

TEST(Engine, LivesAsLongAsTheTemplate) {
  t::TestHost host;
  ASSERT_TRUE(host.describe(drawer));
  EXPECT_EQ(host.engines_open, 0);  // describing loads nothing
  ASSERT_TRUE(host.create(drawer));
  EXPECT_EQ(host.engines_open, 1);
  host.destroy();
  EXPECT_EQ(host.engines_open, 0);
}

TEST(Engine, PassesOverridesOrNothing) {
  t::TestHost host;
  ASSERT_TRUE(host.create(drawer));
  t::TestRun plain, styled;
  styled.inputs = {{"style", t::Value("in oil")}};
  EXPECT_TRUE(host.run(plain));
  EXPECT_TRUE(host.run(styled));
  ASSERT_EQ(host.generated.size(), 2U);
  EXPECT_EQ(host.generated[0].prompt, std::nullopt);
  EXPECT_EQ(host.generated[0].negative_prompt, std::nullopt);
  EXPECT_EQ(host.generated[1].prompt, "in oil");
  EXPECT_EQ(host.generated[1].negative_prompt, "");  // an empty text is not "as the user said"
}

TEST(Engine, ErrorsArePassedOn) {
  t::TestHost host;
  host.engine_error = "weights are damaged";
  EXPECT_EQ(host.create(drawer).message, "weights are damaged");
  host.engine_error = "";
  ASSERT_TRUE(host.create(drawer));
  host.generate_error = "width: 100 is not a multiple of 8";
  t::TestRun record;
  const t::Outcome outcome = host.run(record);
  EXPECT_EQ(outcome.code, DREAM_INVALID_INPUT);
  EXPECT_EQ(outcome.message, "width: 100 is not a multiple of 8");
  host.destroy();
  EXPECT_EQ(host.live_statuses, 0);
  EXPECT_EQ(host.engines_open, 0);
}

TEST(Engine, AHostWithoutItIsNamed) {
  t::TestHost host;
  host.hide(DREAM_ENGINE_DIFFUSION_1);
  const t::Outcome outcome = host.create(drawer);
  EXPECT_EQ(outcome.code, DREAM_UNSUPPORTED);
  EXPECT_NE(outcome.message.find("dream.engine.diffusion/1"), std::string::npos) << outcome.message;
}

}  // namespace

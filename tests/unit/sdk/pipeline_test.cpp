// The engine's parts, on_latents and training, as templates use them.
#include <gtest/gtest.h>

#include "probe.hpp"

namespace t = dream::testing;

namespace {

TEST(Engine, Info) {
  t::TestHost host;
  const auto expect_success = [](const t::Result& r) { EXPECT_EQ(r.status, "succeeded"); };
  probe(
      host,
      [](Probe& probe, const Probe::Inputs&, dream::Run& run) {
        const dream::EngineInfo info = probe.engine.info();
        EXPECT_TRUE(info.has_weights);
        EXPECT_EQ(info.native_size, 64U);
        EXPECT_EQ(info.latent_channels, 4U);
        EXPECT_EQ(dream::Engine::schedulers(run).front(), "DPMSolverMultistep");
      },
      {}, expect_success);
  host.has_weights = false;
  probe(
      host,
      [](Probe& probe, const Probe::Inputs&, dream::Run&) {
        EXPECT_FALSE(probe.engine.info().has_weights);
        EXPECT_EQ(probe.engine.info().native_size, 0U);
        EXPECT_THROW(probe.engine.encode_prompt("x"), dream::Error);
      },
      {}, expect_success);
}

TEST(Engine, PartsMakeAPicture) {
  t::TestHost host;
  probe(
      host,
      [](Probe& probe, const Probe::Inputs&, dream::Run& run) {
        const dream::Tensor prompt = probe.engine.encode_prompt("a fox");
        const dream::Tensor negative = probe.engine.encode_prompt("");
        EXPECT_THROW(probe.engine.denoise({.prompt = prompt}), dream::InvalidInput);
        const dream::DenoiseRequest request{
            .prompt = prompt, .negative_prompt = negative, .steps = 3, .seed = 7};
        dream::Denoise loop = probe.engine.denoise(request);
        int steps = 1;
        while (loop.step() > 0) {
          run.checkpoint();
          ++steps;
        }
        EXPECT_EQ(steps, 3);
        EXPECT_THROW(loop.step(), dream::Error);
        const dream::Image image = probe.engine.decode_latents(loop.latents());
        EXPECT_EQ(image.width(), 64U);
        const dream::Tensor again = probe.engine.encode_image(image);
        EXPECT_EQ(again.shape()[1], 4);
        run.emit(image, "fox.png");
        loop = probe.engine.denoise(
            {.prompt = prompt, .steps = 1, .guidance_scale = 1, .latents = again});
        EXPECT_EQ(loop.step(), 0U);
        EXPECT_THROW(probe.engine.decode_latents(prompt), dream::InvalidInput);
        EXPECT_THROW(probe.engine.encode_image(dream::Image::create(run, 9, 8)),
                     dream::InvalidInput);
      },
      {},
      [](const t::Result& result) {
        EXPECT_EQ(result.status, "succeeded") << result.error;
        EXPECT_EQ(result.files.size(), 1U);
      });
}

// One picture drawn with this callback.
t::Result draw(decltype(dream::Overrides::on_latents) on_latents, const t::Inputs& inputs = {}) {
  t::TestHost host;
  t::Result drawn;
  probe(
      host,
      [&](Probe& probe, const Probe::Inputs& in, dream::Run& run) {
        probe.engine.generate(run, in.diffusion, {.on_latents = on_latents});
      },
      inputs, [&](const t::Result& result) { drawn = result; });
  return drawn;
}

TEST(OnLatents, SeesEveryStepAndMayChangeThem) {
  std::vector<uint64_t> steps;
  const t::Result changed = draw([&](dream::Step step, dream::TensorView latents) {
    EXPECT_EQ(step.steps, 4U);
    EXPECT_EQ(latents.shape()[3], 8);
    steps.push_back(step.step);
    for (float& value : latents.data<float>()) value = 0;
  });
  EXPECT_EQ(steps, (std::vector<uint64_t>{1, 2, 3, 4}));
  const t::Result plain = draw({});
  ASSERT_EQ(changed.files.size(), 1U);
  EXPECT_NE(changed.files[0].content, plain.files.at(0).content);
  EXPECT_EQ(plain.files[0].content, draw({}).files.at(0).content);
  EXPECT_NE(plain.files[0].content, draw({}, {{"seed", 1}}).files.at(0).content);
  EXPECT_NE(plain.files[0].content, draw({}, {{"prompt", "x"}}).files.at(0).content);
}

TEST(OnLatents, WhatItThrowsEndsThePrediction) {
  const auto ends = [](auto error) {
    return draw([=](dream::Step, dream::TensorView) { throw error; });
  };
  EXPECT_EQ(ends(dream::InvalidInput("strength: 7")).error, "strength: 7");
  EXPECT_EQ(ends(std::runtime_error("no")).error, "no");
  EXPECT_EQ(ends(dream::Canceled()).status, "canceled");
  EXPECT_EQ(ends(5).error, "on_latents threw a value of type int, which is not a std::exception");
}

struct Trainable {
  struct Inputs {
    std::string text;
  };
  struct TrainInputs {
    int steps;
  };
  static void describe(dream::Schema<Inputs>& s) { s.in(&Inputs::text, "text").doc("A text"); }
  static void describe_train(dream::Schema<TrainInputs>& s) {
    s.in(&TrainInputs::steps, "steps").doc("How long").def(3).ge(1);
    s.output<dream::File>();
  }
  void run(const Inputs& in, dream::Run& run) { run.emit(in.text); }
  void train(const TrainInputs& in, dream::Run& run) {
    if (in.steps > 5) throw dream::InvalidInput("steps: too many");
    run.emit(dream::Image::create(run, 1, 1), "weights.png");
    run.metric("steps", in.steps);
  }
};

TEST(Train, HasInputsAndOutputOfItsOwn) {
  static const dream_template entry =
      dream::detail::make_template<Trainable>("trainable", "1", "A test.");
  t::TestHost host;
  auto loaded = host.load(&entry);
  EXPECT_EQ(loaded.schema_text(),
            "input text: string, required\n  A text\noutput: string, single\nruns at once: 1\n"
            "\ntrain\ninput steps: integer, default 3, at least 1\n  How long\n"
            "output: file, single\nruns at once: 1\n");
  const t::Result trained = loaded.train();
  EXPECT_EQ(trained.status, "succeeded") << trained.error;
  EXPECT_EQ(trained.files.size(), 1U);
  EXPECT_EQ(trained.metrics.at(0).value, 3);
  EXPECT_EQ(loaded.train({{"steps", 6}}).error, "steps: too many");
  EXPECT_EQ(loaded.train({{"text", "x"}}).error, "input \"text\" was not declared");
  EXPECT_EQ(loaded.run({{"text", "x"}}).outputs, t::List{"x"});
  host.destroy();
  EXPECT_EQ(host.leaks(), "");
}

TEST(Train, IsOptional) {
  static const dream_template entry = dream::detail::make_template<Probe>("probe", "1", "A test.");
  EXPECT_EQ(entry.train, nullptr);
  EXPECT_EQ(entry.describe_train, nullptr);
  t::TestHost host;
  EXPECT_EQ(host.load(&entry).train().code, DREAM_UNSUPPORTED);
}

}  // namespace

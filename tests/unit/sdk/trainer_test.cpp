// Trainers, as templates say it: training_inputs() and Trainer.
#include <gtest/gtest.h>

#include "probe.hpp"

namespace t = dream::testing;

namespace {

struct Teacher {
  struct Inputs {
    std::string note;
    dream::TrainingInputs training;
  };
  static inline auto kind = dream::TrainingKind::model;
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::note, "note").doc("What it is for").def("");
    s.training_inputs(&Inputs::training, kind);
  }
  explicit Teacher(dream::Setup& setup) : trainer(setup) {}
  void run(const Inputs& in, dream::Run& run) { trainer.train(run, in.training); }
  dream::Trainer trainer;
};

const dream_template teacher = dream::detail::make_template<Teacher>("teacher", "1", "A test.");

const t::Inputs inputs{{"instance_prompt", "a photo of sks dog"},
                       {"instance_data", "dogs.zip"},
                       {"max_train_steps", 3}};

TEST(TrainingInputs, SayTheirKindAndTheOutput) {
  t::TestHost host;
  Teacher::kind = dream::TrainingKind::model;
  EXPECT_EQ(host.load(&teacher).schema_text(),
            "input note: string, default \"\"\n  What it is for\n"
            "training inputs of a model\noutput: file, single\nruns at once: 1\n");
  Teacher::kind = dream::TrainingKind::lora;
  EXPECT_NE(host.load(&teacher).schema_text().find("training inputs of a LoRA\n"),
            std::string::npos);
}

TEST(TrainingInputs, AreInputsOfTheRun) {
  t::TestHost host;
  EXPECT_EQ(host.load(&teacher).run({{"learning", 1}}).error,
            "input \"learning\" was not declared");
}

TEST(TrainingInputs, NeedAHostThatKnowsThem) {
  t::TestHost host(2);
  host.cut(DREAM_SCHEMA_1, offsetof(dream_schema_1, add_training_inputs));
  const t::Outcome outcome = host.describe(teacher);
  EXPECT_EQ(outcome.code, DREAM_UNSUPPORTED);
  EXPECT_NE(outcome.message.find("this host offers SDK 1.2 without add_training_inputs()"),
            std::string::npos)
      << outcome.message;
}

TEST(Trainer, TrainsAndHandsOutOneArchive) {
  t::TestHost host;
  Teacher::kind = dream::TrainingKind::lora;
  const t::Result result = host.load(&teacher).run(inputs);
  EXPECT_EQ(result.status, "succeeded") << result.error;
  ASSERT_NE(result.file("output.zip"), nullptr);
  EXPECT_EQ(result.file("output.zip")->content.size(), 22U);
  ASSERT_EQ(host.trained.size(), 1U);
  EXPECT_EQ(host.trained[0].instance_prompt, "a photo of sks dog");
  EXPECT_EQ(host.trained[0].instance_data, "dogs.zip");
  EXPECT_EQ(host.trained[0].kind, static_cast<uint32_t>(DREAM_TRAIN_LORA));
  ASSERT_EQ(result.progress.size(), 3U);
  EXPECT_EQ(result.progress[2].steps, 3U);
  host.destroy();
  EXPECT_EQ(host.leaks(), "");
}

TEST(Trainer, StopsWhenCanceled) {
  t::TestHost host;
  auto loaded = host.load(&teacher);
  host.cancel_after(1);
  const t::Result result = loaded.run(inputs);
  EXPECT_EQ(result.status, "canceled");
  EXPECT_TRUE(result.files.empty());
}

TEST(Trainer, SaysWhatIsWrong) {
  t::TestHost host;
  host.train_error = "instance_data: it has no pictures";
  const t::Result bad = host.load(&teacher).run(inputs);
  EXPECT_EQ(bad.code, DREAM_INVALID_INPUT);
  EXPECT_EQ(bad.error, "instance_data: it has no pictures");
  t::TestHost without;
  without.has_weights = false;
  EXPECT_EQ(without.load(&teacher).run(inputs).error,
            "This is a template, not a real model - add weights");
  t::TestHost old(2);
  old.hide(DREAM_ENGINE_TRAINING_1);
  EXPECT_EQ(old.create(teacher).code, DREAM_UNSUPPORTED);
}

}  // namespace

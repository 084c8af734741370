// LoRAs that prompts name, and where they are looked for.
#include "host/worker/sdk_host/lora_inputs.hpp"

#include <gtest/gtest.h>

#include "host/worker/sdk_host/sdk_error.hpp"
#include "tests/unit/temporary_folder.hpp"

namespace dream::worker {
namespace {

namespace fs = std::filesystem;
using Named = std::vector<std::pair<std::string, double>>;

TEST(PromptLoras, are_found_in_order) {
  EXPECT_EQ(prompt_loras("a fox <lora:ink:0.8>, <lora:pixel> x<lora:a b:-1.5>"),
            (Named{{"ink", 0.8}, {"pixel", 1}, {"a b", -1.5}}));
  EXPECT_EQ(prompt_loras("<lora:ink: 0.5 ><lora:oil:+2> <lora::1> <lora:open"),
            (Named{{"ink", 0.5}, {"oil", 2}}));
  EXPECT_EQ(prompt_loras("<hypernet:x:1> lora:ink:1 (a:1.2)"), Named{});
}

TEST(PromptLoras, with_a_strength_that_is_no_number_are_refused) {
  for (const char* prompt : {"<lora:ink:strong>", "<lora:ink:>", "<lora:ink:0.8x>",
                             "<lora:ink:0.8:0.5>", "<lora:ink:te=1>"}) {
    try {
      prompt_loras(prompt);
      FAIL() << prompt;
    } catch (const SdkError& error) {
      EXPECT_EQ(error.code(), DREAM_INVALID_INPUT);
      EXPECT_NE(std::string(error.what()).find(prompt), std::string::npos) << error.what();
    }
  }
}

class AddPromptLoras : public testing::Test {
 protected:
  const TemporaryFolder folder_;
  const fs::path ink_ = folder_.write("loras/ink.safetensors", "x");
  const weights::ModelStore store_{folder_.path()};
  std::vector<engine::WeightOverlay> loras_ = {{"/data/mine.safetensors", "mine", 0.5}};
};

TEST_F(AddPromptLoras, come_from_the_input_or_the_store) {
  add_prompt_loras({{"ink", 0.8}, {"mine", 0.25}}, store_, loras_);
  ASSERT_EQ(loras_.size(), 2U);
  EXPECT_EQ(loras_[0].scale, 0.25);
  EXPECT_EQ(loras_[1].file, folder_.path() / "loras/ink.safetensors");
  EXPECT_EQ(loras_[1].name, "ink");
  EXPECT_EQ(loras_[1].scale, 0.8);
}

TEST_F(AddPromptLoras, that_are_nowhere_are_refused_with_what_there_is) {
  try {
    add_prompt_loras({{"oil", 1}}, store_, loras_);
    FAIL();
  } catch (const SdkError& error) {
    EXPECT_STREQ(error.what(),
                 "the prompt names the LoRA 'oil', but the model store has no 'oil'; there are: "
                 "ink");
  }
}

}  // namespace
}  // namespace dream::worker

#include "host/worker/sdk_host/training_state.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "tests/unit/temporary_folder.hpp"

namespace dream::worker {
namespace {
namespace fs = std::filesystem;

class TrainingStateTest : public testing::Test {
 protected:
  TrainingStateTest() {
    identity_.arguments = {{"instance_prompt", "a photo of sks dog"},
                           {"max_train_steps", 10},
                           {"checkpointing_steps", 5},
                           {"resume_from_checkpoint", "latest"}};
    identity_.instance_data = folder_.write("data.zip", "pictures");
    folder_.write("base/unet/config.json", "{}");
    identity_.base = folder_.path() / "base";
    identity_.software = "dream 1";
  }
  fs::path root() const { return folder_.path() / "trainings"; }
  static void age(const fs::path& path, int days) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(24 * days));
  }

  TemporaryFolder folder_;
  TrainingIdentity identity_;
};

TEST_F(TrainingStateTest, the_same_request_has_the_same_digest) {
  const std::string digest = training_digest(identity_);
  EXPECT_EQ(digest.size(), 32U);
  EXPECT_EQ(training_digest(identity_), digest);
  identity_.instance_data = folder_.write("other-name.zip", "pictures");
  EXPECT_EQ(training_digest(identity_), digest);   // each upload lies elsewhere
  identity_.arguments["checkpointing_steps"] = 1;  // only how state is kept
  identity_.arguments["resume_from_checkpoint"] = "none";
  EXPECT_EQ(training_digest(identity_), digest);
}

TEST_F(TrainingStateTest, whatever_decides_the_result_decides_the_digest) {
  const std::string digest = training_digest(identity_);
  const auto differs = [&](auto change) {
    TrainingIdentity other = identity_;
    change(other);
    return training_digest(other) != digest;
  };
  EXPECT_TRUE(differs([](auto& other) { other.arguments["max_train_steps"] = 11; }));
  EXPECT_TRUE(differs([](auto& other) { other.software = "dream 2"; }));
  EXPECT_TRUE(differs([&](auto& other) { other.class_data = other.instance_data; }));
  EXPECT_TRUE(differs(
      [&](auto& other) { other.instance_data = folder_.write("new.zip", "other pictures"); }));
  EXPECT_TRUE(differs([&](auto&) { age(folder_.path() / "base/unet/config.json", 1); }));
  EXPECT_TRUE(differs([&](auto&) { folder_.write("base/unet/more.bin", "x"); }));
}

TEST_F(TrainingStateTest, a_checkpoint_stays_for_the_next_attempt_and_goes_with_success) {
  {
    const TrainingState state(root(), "d");
    EXPECT_FALSE(state.has_checkpoint());
    folder_.write("trainings/d/checkpoints/checkpoint-5/state", "x");
    EXPECT_TRUE(state.has_checkpoint());
  }
  TrainingState again(root(), "d");
  EXPECT_TRUE(again.has_checkpoint());
  EXPECT_EQ(again.checkpoints(), root() / "d/checkpoints");
  again.remove();
  EXPECT_TRUE(fs::is_empty(root()));
}

TEST_F(TrainingStateTest, an_empty_folder_does_not_stay) {
  { const TrainingState state(root(), "d"); }
  EXPECT_TRUE(fs::is_empty(root()));
}

TEST_F(TrainingStateTest, one_training_at_a_time_has_a_folder) {
  const TrainingState first(root(), "d");
  try {
    const TrainingState second(root(), "d");
    FAIL() << "both have it";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "another training with the same inputs and data is under way");
  }
  const TrainingState other(root(), "e");
}

TEST_F(TrainingStateTest, old_ones_do_not_pile_up) {
  const auto left = [&](const char* name, int days) {
    folder_.write(fs::path("trainings") / name / "checkpoints/state", "x");
    for (const auto& entry : fs::recursive_directory_iterator(root() / name))
      age(entry.path(), days);
    age(root() / name, days);
  };
  left("old", 8);
  left("younger", 6);
  left("in-use", 0);
  auto user = std::make_unique<TrainingState>(root(), "in-use");
  left("in-use", 8);  // it trains for long and has not saved
  const TrainingState state(root(), "d");
  EXPECT_FALSE(fs::exists(root() / "old"));
  EXPECT_TRUE(fs::exists(root() / "younger"));
  EXPECT_TRUE(fs::exists(root() / "in-use"));
}

TEST_F(TrainingStateTest, says_why_it_cannot_be_had) {
  const auto file = folder_.write("a-file", "x");
  EXPECT_THROW(TrainingState(file / "trainings", "d"), std::exception);
}

}  // namespace
}  // namespace dream::worker

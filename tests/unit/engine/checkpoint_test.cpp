// What a training keeps on disk: exact, whole or not there, and no reason to fail.
#include "sdk/engine/training/checkpoint.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "tests/unit/temporary_folder.hpp"

namespace dream::engine {
namespace {

namespace fs = std::filesystem;

class CheckpointsTest : public ::testing::Test {
 protected:
  fs::path folder() const { return temporary_.path() / "below" / "checkpoints"; }
  Checkpoints open(int limit = 0) {
    return Checkpoints(folder(), limit, [this](const std::string& line) { log_.push_back(line); });
  }
  fs::path at_step(int step) const { return folder() / ("checkpoint-" + std::to_string(step)); }
  bool logged(const std::string& words) const {
    return std::ranges::any_of(
        log_, [&](const auto& line) { return line.find(words) != std::string::npos; });
  }

  TemporaryFolder temporary_;
  std::vector<std::string> log_;
};

Checkpoint some(int step, const std::string& request = "digest") {
  Checkpoint checkpoint;
  checkpoint.step = step;
  checkpoint.request = request;
  checkpoint.tensors = {{"unet.weight", at::full({4, 5}, step)}};
  checkpoint.losses = std::vector<float>(static_cast<std::size_t>(step), 0.5F);
  checkpoint.learning_rates = {1e-6F};
  return checkpoint;
}

TEST_F(CheckpointsTest, GiveBackWhatWasSaved) {
  auto saved = some(3);
  at::manual_seed(5);
  saved.tensors = {{"a.weight", at::randn({3, 4, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast)},
                   {"a.tiny", at::tensor({std::nextafter(1.0F, 2.0F), 1e-42F, -0.0F, NAN})},
                   {"a.step", at::zeros({}, at::kLong) + (std::int64_t{1} << 40)},
                   {"a.codes", at::arange(256).to(at::kByte)},
                   {"a.half", at::randn({7}).to(at::kHalf)},
                   {"a.none", at::zeros({0, 3})}};
  saved.losses = {0.25F, NAN, INFINITY};
  auto generator = at::globalContext().defaultGenerator(at::kCPU).clone();
  generator.set_current_seed(11);
  at::randn({3}, generator);
  saved.generator = generator.get_state();
  open().save(saved);
  const auto loaded = open().load_newest("digest");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->step, 3);
  ASSERT_EQ(loaded->tensors.size(), saved.tensors.size());
  for (const auto& [name, tensor] : saved.tensors) {
    const auto& found = loaded->tensors.at(name);
    EXPECT_EQ(found.scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(found.nan_to_num(-1), tensor.nan_to_num(-1))) << name;
  }
  EXPECT_TRUE(std::signbit(loaded->tensors.at("a.tiny")[2].item<float>()));
  EXPECT_EQ(loaded->losses.at(0), 0.25F);
  EXPECT_TRUE(std::isnan(loaded->losses.at(1)) && std::isinf(loaded->losses.at(2)));
  EXPECT_EQ(loaded->learning_rates, saved.learning_rates);
  auto other = at::globalContext().defaultGenerator(at::kCPU).clone();
  other.set_state(loaded->generator);
  EXPECT_TRUE(at::randn({5}, other).equal(at::randn({5}, generator)));
  EXPECT_TRUE(log_.empty());
}

TEST_F(CheckpointsTest, NoneWithoutAFolder) {
  EXPECT_FALSE(open().load_newest("digest"));
  EXPECT_TRUE(open().steps().empty());
}

TEST_F(CheckpointsTest, TheOldestGo) {
  const auto checkpoints = open(2);
  for (const int step : {2, 4, 100, 6}) checkpoints.save(some(step));
  // 100 is of a run before: it counts as older than what was saved last.
  EXPECT_EQ(checkpoints.steps(), (std::vector{4, 6}));
  checkpoints.save(some(8));
  EXPECT_EQ(checkpoints.steps(), (std::vector{6, 8}));
  for (const int step : {10, 12, 14}) open(0).save(some(step));
  EXPECT_EQ(checkpoints.steps(), (std::vector{6, 8, 10, 12, 14}));
  open(2).save(some(16));
  EXPECT_EQ(checkpoints.steps(), (std::vector{14, 16}));
}

TEST_F(CheckpointsTest, OthersAreLeftAlone) {
  open(1).save(some(9, "another"));
  open(1).save(some(2));
  open(1).save(some(4));
  EXPECT_EQ(open().steps(), (std::vector{4, 9}));
  EXPECT_EQ(open().load_newest("digest")->step, 4);
  EXPECT_TRUE(logged("checkpoint-9 is of another training"));
}

TEST_F(CheckpointsTest, TheSameStepIsReplaced) {
  open().save(some(4));
  auto again = some(4);
  again.tensors["unet.weight"].fill_(-1);
  open(1).save(again);
  EXPECT_EQ(open().load_newest("digest")->tensors.at("unet.weight")[0][0].item<float>(), -1);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder()), {}), 1);
}

TEST_F(CheckpointsTest, DamagedOnesArePassedOver) {
  for (const int step : {1, 2, 3, 4, 5, 6}) open().save(some(step));
  fs::resize_file(at_step(6) / "state.safetensors", 200);
  std::ofstream(at_step(5) / "state.json") << R"({"step": 5, "request")";
  fs::remove(at_step(4) / "state.json");
  fs::remove(at_step(3) / "state.safetensors");
  std::ofstream(at_step(2) / "state.json") << R"({"step": "two", "request": "digest"})";
  const auto loaded = open().load_newest("digest");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->step, 1);
  for (const int step : {2, 3, 4, 5, 6})
    EXPECT_TRUE(logged("checkpoint-" + std::to_string(step) + " is damaged")) << step;
}

TEST_F(CheckpointsTest, UnfinishedOnesAreNoneAndGo) {
  fs::create_directories(folder() / "checkpoint-7.Ab3xYz");
  fs::create_directories(folder() / "checkpoint-8.removed");
  fs::create_directories(folder() / "checkpoint-9.my-own-copy");
  fs::create_directories(folder() / "checkpoint-x");
  std::ofstream(folder() / "checkpoint-11") << "a file";
  EXPECT_TRUE(open().steps().empty());
  EXPECT_FALSE(open().load_newest("digest"));
  open(1).save(some(2));
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(folder()))
    left.push_back(entry.path().filename().string());
  std::ranges::sort(left);
  EXPECT_EQ(left, (std::vector<std::string>{"checkpoint-11", "checkpoint-2",
                                            "checkpoint-9.my-own-copy", "checkpoint-x"}));
}

TEST_F(CheckpointsTest, NoRoomIsAnErrorAndTheLastOneStays) {
  open().save(some(2));
  std::ofstream(temporary_.path() / "file") << "no folder";
  const Checkpoints nowhere(temporary_.path() / "file", 1, {});
  EXPECT_THROW(nowhere.save(some(3)), std::runtime_error);
  EXPECT_FALSE(nowhere.load_newest("digest"));
  auto clashing = some(3);
  clashing.tensors.emplace("losses", at::zeros({1}));
  EXPECT_THROW(open(1).save(clashing), std::logic_error);
  EXPECT_EQ(open().load_newest("digest")->step, 2);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder()), {}), 1);
}

}  // namespace
}  // namespace dream::engine

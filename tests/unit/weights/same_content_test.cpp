// When two files may be one in memory, and which downloaded files are models.
#include "weights/same_content.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <span>

#include "weights/store/check_model.hpp"

namespace dream::weights {
namespace {

namespace fs = std::filesystem;

class SameContentTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / (std::string("same_content_") + test->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  static TensorView view(const std::string& bytes, DType dtype = DType::u8) {
    const auto count = static_cast<std::int64_t>(bytes.size());
    return {dtype, {count}, std::as_bytes(std::span(bytes)), nullptr};
  }

  fs::path folder_;
};

TEST_F(SameContentTest, EveryNameTypeShapeAndByteCounts) {
  const std::string one = "abcd", same = "abcd", other = "abce", longer = "abcde";
  const WeightMap base = {{"x", view(one)}, {"y", view(other)}};
  EXPECT_TRUE(same_content(base, {{"x", view(same)}, {"y", view(other)}}));
  EXPECT_FALSE(same_content(base, {{"x", view(other)}, {"y", view(other)}}));
  EXPECT_FALSE(same_content(base, {{"x", view(one)}, {"z", view(other)}}));
  EXPECT_FALSE(same_content(base, {{"x", view(one)}}));
  EXPECT_FALSE(same_content({{"x", view(one)}}, base));
  EXPECT_FALSE(same_content(base, {{"x", view(one, DType::i8)}, {"y", view(other)}}));
  EXPECT_FALSE(same_content(base, {{"x", view(longer)}, {"y", view(other)}}));
  EXPECT_TRUE(same_content({}, {}));
}

TEST_F(SameContentTest, KnowsFilesThatWereWrittenTo) {
  const auto path = write("a", "1234");
  const FileState state(path);
  EXPECT_FALSE(state.was_rewritten());
  fs::last_write_time(path, fs::last_write_time(path) + std::chrono::seconds(2));
  EXPECT_TRUE(state.was_rewritten());
  const FileState now(path);
  fs::rename(write("b", "5678"), path);
  EXPECT_FALSE(now.was_rewritten()) << "another file is there: the first one is as it was";
  fs::remove(path);
  EXPECT_FALSE(now.was_rewritten());
  EXPECT_TRUE(FileState(path).was_rewritten()) << "nothing is known of it";
}

TEST_F(SameContentTest, FingerprintsTellEveryChangeInAFolder) {
  write("a", "1");
  const auto before = fingerprint(folder_);
  EXPECT_EQ(fingerprint(folder_), before);
  write("b", "2");
  EXPECT_NE(fingerprint(folder_), before);
  EXPECT_NE(fingerprint(folder_ / "a"), fingerprint(folder_ / "b"));
}

std::string problem_of(const fs::path& path) {
  try {
    check_model_file(path);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST_F(SameContentTest, WhatIsNoModelIsNotKept) {
  EXPECT_NE(problem_of(write("page", "<html>no such file</html>")).find("it is no model"),
            std::string::npos);
  EXPECT_NE(problem_of(write("empty", "")), "");
  const auto cut = problem_of(write("cut.zip", "PK\x03\x04 and then nothing"));
  EXPECT_NE(cut.find("it: zip archive has no end record"), std::string::npos) << cut;
  EXPECT_EQ(cut.find(folder_.string()), std::string::npos) << "no path of the server";
}

}  // namespace
}  // namespace dream::weights

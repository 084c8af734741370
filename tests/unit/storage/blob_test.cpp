// Files by content: whole or not there, once for equal bytes.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "host/storage/blobs.hpp"
#include "temporary_folder.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;

// echo -n hello | sha256sum
constexpr char hello[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

class BlobTest : public testing::Test {
 protected:
  std::string content(const std::string& sha256) {
    const auto file = store_->open(sha256);
    if (!file) return "(nothing)";
    std::ifstream in(file->path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::size_t unfinished() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(store_->scratch()), fs::directory_iterator()));
  }

  TemporaryFolder folder_;
  std::unique_ptr<BlobStore> store_ = open_blob_directory(folder_.path() / "blobs");
};

TEST_F(BlobTest, StoresByContent) {
  for (int i = 0; i < 2; ++i) {
    const auto writer = store_->write();
    writer->write("hel");
    writer->write("lo");
    EXPECT_EQ(writer->bytes(), 5U);
    const Blob blob = writer->finish();
    EXPECT_EQ(blob.sha256, hello);
    EXPECT_EQ(blob.bytes, 5U);
  }
  EXPECT_EQ(content(hello), "hello");
  EXPECT_EQ(unfinished(), 0U);
  store_->remove(hello);
  EXPECT_FALSE(store_->open(hello));
}

TEST_F(BlobTest, ThrowsAwayWhatIsNotFinished) {
  {
    const auto writer = store_->write();
    writer->write("hello");
    EXPECT_EQ(unfinished(), 1U);
  }
  EXPECT_EQ(unfinished(), 0U);
  EXPECT_FALSE(store_->open(hello));
}

TEST_F(BlobTest, ClearsUpAfterProcessesThatWereKilled) {
  const auto age = [&](const fs::path& file) {
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(2));
  };
  const auto writer = store_->write();
  writer->write("still being written");
  age(fs::directory_iterator(store_->scratch())->path());
  std::ofstream(store_->scratch() / "left") << "x";
  age(store_->scratch() / "left");
  std::ofstream(store_->scratch() / "new") << "x";
  const auto next = open_blob_directory(folder_.path() / "blobs");
  EXPECT_FALSE(fs::exists(store_->scratch() / "left"));
  EXPECT_TRUE(fs::exists(store_->scratch() / "new"));
  EXPECT_EQ(writer->finish().bytes, 19U);
}

TEST_F(BlobTest, TakesOverAFile) {
  const fs::path file = store_->scratch() / "mine";
  std::ofstream(file) << "hello";
  EXPECT_EQ(store_->adopt(file).sha256, hello);
  EXPECT_FALSE(fs::exists(file));
  EXPECT_EQ(content(hello), "hello");
}

TEST_F(BlobTest, OpensNothingButBlobs) {
  std::ofstream(folder_.path() / "secret") << "x";
  for (const char* name : {"", "../secret", "2cf2", "../../../secret"})
    EXPECT_FALSE(store_->open(name)) << name;
  std::string upper(hello);
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_FALSE(store_->open(upper));
}

TEST_F(BlobTest, IsNoBusinessOfOtherUsers) {
  const auto mode = fs::status(folder_.path() / "blobs").permissions();
  EXPECT_EQ(mode & (fs::perms::group_all | fs::perms::others_all), fs::perms::none);
}

}  // namespace
}  // namespace dream::host

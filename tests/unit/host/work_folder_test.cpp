// The host's folder for files: it goes with the host, and with the next one if the host was killed.
#include "host/predictions/work_folder.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <memory>

#include "host/base/ids.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;

class WorkFolderTest : public testing::Test {
 protected:
  WorkFolderTest() : base(fs::temp_directory_path() / ("dream-base-" + new_id())) {}
  ~WorkFolderTest() override { fs::remove_all(base); }

  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(base), fs::directory_iterator()));
  }
  fs::path base;
};

TEST_F(WorkFolderTest, IsThereWhileItsOwnerLives) {
  {
    const WorkFolder folder(base);
    EXPECT_TRUE(fs::is_directory(folder.path()));
    EXPECT_EQ(fs::status(folder.path()).permissions(), static_cast<fs::perms>(0711));
    std::ofstream(folder.path() / "file") << "x";
    const WorkFolder other(base);
    EXPECT_NE(folder.path(), other.path());
    EXPECT_EQ(sweep_work_folders(base), 0);
    EXPECT_TRUE(fs::exists(folder.path() / "file"));
  }
  EXPECT_EQ(entries(), 0U);
}

TEST_F(WorkFolderTest, OfAHostThatWasKilledGoesWithTheNext) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const WorkFolder folder(base);
    std::ofstream(folder.path() / "secret.png") << "x";
    ::raise(SIGKILL);
  }
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_EQ(entries(), 1U);
  const WorkFolder next(base);
  EXPECT_EQ(entries(), 1U);
  EXPECT_TRUE(fs::exists(next.path()));
  EXPECT_TRUE(fs::is_empty(next.path()));
}

TEST_F(WorkFolderTest, TouchesNothingElse) {
  fs::create_directories(base / "dream-check-abc");
  fs::create_directories(base / "else");
  std::ofstream(base / "else" / "file") << "x";
  fs::create_directory_symlink(base / "else", base / "dream-work-link");
  EXPECT_EQ(sweep_work_folders(base), 0);
  EXPECT_TRUE(fs::exists(base / "else" / "file"));
  EXPECT_TRUE(fs::exists(base / "dream-check-abc"));
  EXPECT_EQ(sweep_work_folders(base / "nowhere"), 0);
}

}  // namespace
}  // namespace dream::host

// One holder at a time, and errors that name the folder.
#include "host/storage/directory_lock.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "tests/unit/temporary_folder.hpp"

namespace dream::host {
namespace {

std::string problem_of(const std::filesystem::path& folder) {
  try {
    const DirectoryLock lock(folder);
  } catch (const std::runtime_error& problem) {
    return problem.what();
  }
  return "";
}

TEST(DirectoryLock, IsHeldByOne) {
  const TemporaryFolder temporary;
  const auto folder = temporary.path() / "a" / "b";
  {
    const DirectoryLock lock(folder);
    EXPECT_EQ(problem_of(folder), "the directory " + folder.string() +
                                      " is in use by another server (process " +
                                      std::to_string(::getpid()) + ")");
    EXPECT_EQ(problem_of(temporary.path()), "");
  }
  EXPECT_EQ(problem_of(folder), "");
}

TEST(DirectoryLock, NamesAFolderThatCannotBeUsed) {
  const TemporaryFolder temporary;
  const auto file = temporary.write("file", "");
  EXPECT_TRUE(problem_of(file / "below")
                  .starts_with("the directory " + file.string() + "/below cannot be made: "));
  EXPECT_TRUE(problem_of("/proc").starts_with("the directory /proc cannot be written: "))
      << problem_of("/proc");
}

}  // namespace
}  // namespace dream::host

// /proc as it is, and as a program with an odd name would make it.
#include "host/telemetry/process.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>
#include <fstream>

#include "../temporary_folder.hpp"

namespace dream::host {
namespace {

TEST(Process, KnowsItself) {
  const auto use = process_use(getpid());
  ASSERT_TRUE(use);
  EXPECT_GT(use->resident_bytes, 100'000U);
  EXPECT_GT(use->virtual_bytes, use->resident_bytes);
  EXPECT_GE(use->cpu_s, 0);
  EXPECT_NEAR(process_start_time_s(getpid()), static_cast<double>(std::time(nullptr)), 60);
  const auto before = open_descriptors();
  const std::ifstream one_more("/dev/null");
  EXPECT_EQ(open_descriptors(), before + 1);
}

TEST(Process, OneThatIsGoneTellsNothing) {
  EXPECT_FALSE(process_use(0x3FFFFFFF));
  EXPECT_EQ(process_start_time_s(0x3FFFFFFF), 0);
}

TEST(Process, NamesMayHoldParenthesesAndSpaces) {
  const TemporaryFolder proc;
  std::filesystem::create_directories(proc.path() / "7");
  std::ofstream(proc.path() / "stat") << "cpu 1 2\nbtime 1000\n";
  std::ofstream(proc.path() / "7" / "stat")
      << "7 (a) S (b) R 1 7 7 0 -1 0 0 0 0 0 250 50 0 0 20 0 1 0 500 4096 3 0\n";
  const auto use = process_use(7, proc.path());
  ASSERT_TRUE(use);
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  EXPECT_DOUBLE_EQ(use->cpu_s, 300 / ticks);
  EXPECT_EQ(use->virtual_bytes, 4096U);
  EXPECT_EQ(use->resident_bytes, 3 * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
  EXPECT_DOUBLE_EQ(process_start_time_s(7, proc.path()), 1000 + 500 / ticks);
  std::ofstream(proc.path() / "7" / "stat") << "7 (cut off";
  EXPECT_FALSE(process_use(7, proc.path()));
}

}  // namespace
}  // namespace dream::host

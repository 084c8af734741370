// The progress bar of `dream predict`.
#include "host/cli/progress_bar.hpp"

#include <gtest/gtest.h>

#include <cstdio>

namespace dream::host {
namespace {

// Columns of a line: its characters, not its bytes.
std::size_t columns(const std::string& line) {
  std::size_t count = 0;
  for (const char c : line)
    if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++count;
  return count;
}

TEST(ProgressBar, ShowsStepSpeedAndTimeLeft) {
  EXPECT_EQ(bar_line({5, 10, 2.5, ""}, 37), "5/10 ━━━━━━┄┄┄┄┄┄ 2.00 it/s, 3 s left");
  EXPECT_EQ(bar_line({1, 4, 90, ""}, 60).substr(0, 4), "1/4 ");
  EXPECT_NE(bar_line({1, 4, 90, ""}, 60).find("90.00 s/it, 4 min 30 s left"), std::string::npos);
  EXPECT_EQ(bar_line({0, 10, 0, "unet"}, 21), "unet 0/10 ┄┄┄┄┄┄┄┄┄┄┄");
}

TEST(ProgressBar, FitsItsWidth) {
  for (std::size_t width = 1; width < 120; ++width) {
    for (const Progress& progress :
         {Progress{0, 25, 0, ""}, Progress{12, 25, 2.04, ""}, Progress{7, 0, 1, "label"}})
      EXPECT_LE(columns(bar_line(progress, width)), width);
  }
}

TEST(ProgressBar, WritesPlainLinesToAFile) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  {
    ProgressBar bar(file);
    bar.status("loading");
    for (std::uint64_t step = 1; step <= 25; ++step) bar.progress({step, 25, 0.1, ""});
    bar.print("a line\n");
  }
  std::rewind(file);
  char text[512] = {};
  const std::size_t size = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  EXPECT_EQ(
      std::string(text, size),
      "loading\nstep 1/25, 10.00 it/s, 3 s left\nstep 25/25, 250.00 it/s, 0 s left\na line\n");
}

}  // namespace
}  // namespace dream::host

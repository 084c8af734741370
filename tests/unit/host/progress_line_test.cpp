// Progress in tqdm's form.
#include "host/predictions/progress_line.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace dream::host {
namespace {

// Expected lines are what tqdm 4.66 prints (format_meter with ncols for a bar of 10).
TEST(ProgressLine, IsTqdms) {
  EXPECT_EQ(progress_line({0, 25, 0, ""}), "  0%|          | 0/25 [00:00<?, ?it/s]");
  EXPECT_EQ(progress_line({10, 25, 1.7, ""}), " 40%|████      | 10/25 [00:01<00:02,  5.88it/s]");
  EXPECT_EQ(progress_line({25, 25, 50, ""}), "100%|██████████| 25/25 [00:50<00:00,  2.00s/it]");
  EXPECT_EQ(progress_line({1, 3, 4000, "vae"}),
            "vae:  33%|███▎      | 1/3 [1:06:40<2:13:20, 4000.00s/it]");
  EXPECT_EQ(progress_line({3, 0, 1, ""}), "3it [00:01,  3.00it/s]");
}

TEST(ProgressLine, StaysSaneOnOddNumbers) {
  EXPECT_EQ(progress_line({30, 25, 1, ""}).find("100%|██████████| 25/25"), 0U);
  EXPECT_NO_THROW(progress_line({1, 2, std::numeric_limits<double>::infinity(), ""}));
  EXPECT_NO_THROW(progress_line({1, 2, std::numeric_limits<double>::quiet_NaN(), ""}));
  EXPECT_NO_THROW(progress_line({1, std::numeric_limits<std::uint64_t>::max(), -1, ""}));
}

TEST(ProgressLine, ClockText) {
  EXPECT_EQ(clock_text(7.9), "00:07");
  EXPECT_EQ(clock_text(3723), "1:02:03");
  EXPECT_EQ(clock_text(-1), "?");
  EXPECT_EQ(clock_text(std::numeric_limits<double>::quiet_NaN()), "?");
}

}  // namespace
}  // namespace dream::host

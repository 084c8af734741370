#include "host/check/report.hpp"

#include <gtest/gtest.h>

namespace dream::host::check {
namespace {

TEST(Report, RowsLineUp) {
  EXPECT_EQ(row_line({"note", pass("sdk=1.0"), 0.4}), "  note         pass       0 ms  sdk=1.0\n");
  EXPECT_EQ(row_line({"concurrency", fail("no"), 1234.5}), "  concurrency  FAIL    1234 ms  no\n");
}

TEST(Report, OneFailureIsEnough) {
  Report report{"/t.so", 7, {{"note", pass(), 1}, {"leaks", skip("no"), 1}}};
  EXPECT_TRUE(report.passed());
  EXPECT_EQ(closing_line(report), "1 passed, 1 skipped: the template is sound\n");
  report.rows.push_back({"run", fail("it died"), 2});
  EXPECT_FALSE(report.passed());
  EXPECT_EQ(closing_line(report), "1 passed, 1 FAILED, 1 skipped: the template has faults\n");
  const auto json = to_json(report);
  EXPECT_EQ(json["seed"], 7);
  EXPECT_EQ(json["passed"], false);
  EXPECT_EQ(json["checks"][2]["result"], "fail");
  EXPECT_EQ(json["checks"][2]["detail"], "it died");
}

TEST(Report, ADetailIsOneLineOfWholeCharacters) {
  EXPECT_EQ(one_line("a\nb\n"), "a | b");
  EXPECT_EQ(one_line("bell\a"), "bell\\x07");
  EXPECT_EQ(one_line("ééé", 3), "éé…");
  EXPECT_EQ(one_line("\xff"), "\xef\xbf\xbd");
}

}  // namespace
}  // namespace dream::host::check

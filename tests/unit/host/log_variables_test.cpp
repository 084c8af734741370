// COG_LOG_LEVEL and LOG_FORMAT: Cog's words, and what is none of them.
#include "host/cli/log_variables.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace dream::host {
namespace {

class LogVariablesTest : public testing::Test {
 protected:
  LogVariablesTest() { clear(); }
  ~LogVariablesTest() override { clear(); }
  static void clear() {
    unsetenv("COG_LOG_LEVEL");
    unsetenv("LOG_FORMAT");
  }
};

TEST_F(LogVariablesTest, UnsetAndEmptySayNothing) {
  EXPECT_EQ(log_variables().level, "");
  setenv("COG_LOG_LEVEL", "", 1);
  setenv("LOG_FORMAT", "", 1);
  const auto found = log_variables();
  EXPECT_TRUE(found.level.empty() && !found.json && found.warnings.empty());
}

TEST_F(LogVariablesTest, WordsInAnyCase) {
  setenv("COG_LOG_LEVEL", "WARNING", 1);
  setenv("LOG_FORMAT", "json", 1);
  EXPECT_EQ(log_variables().level, "warning");
  EXPECT_TRUE(log_variables().json);
  setenv("LOG_FORMAT", "console", 1);
  EXPECT_FALSE(log_variables().json);
  EXPECT_TRUE(log_variables().warnings.empty());
}

TEST_F(LogVariablesTest, OthersAreIgnoredAndSaid) {
  setenv("COG_LOG_LEVEL", "loud", 1);
  setenv("LOG_FORMAT", "xml", 1);
  const auto found = log_variables();
  EXPECT_TRUE(found.level.empty() && !found.json);
  ASSERT_EQ(found.warnings.size(), 2U);
  EXPECT_EQ(found.warnings[0],
            "COG_LOG_LEVEL='loud' is ignored: it is none of debug, info, warning, warn, error");
  EXPECT_EQ(found.warnings[1], "LOG_FORMAT='xml' is ignored: it is none of json, console, text");
}

}  // namespace
}  // namespace dream::host

// DREAM_EXPECT: the least a test needs where no test framework is at hand.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace dream::testing {

inline int& failures() {
  static int count = 0;
  return count;
}

// Prints where and what if `truth` is false, and counts it.
inline bool expect(bool truth, const char* file, int line, const char* what) {
  if (!truth) std::fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
  if (!truth) ++failures();
  return truth;
}

// Compares `text` with the file's content; with DREAM_UPDATE=1 in the environment, writes the file.
inline bool matches_file(const std::string& text, const std::string& path) {
  const char* update = std::getenv("DREAM_UPDATE");
  if (update != nullptr && std::string(update) == "1") {
    return static_cast<bool>(std::ofstream(path) << text);
  }
  std::stringstream expected;
  expected << std::ifstream(path).rdbuf();
  if (expected.str() == text) return true;
  std::fprintf(stderr, "%s is not:\n%s(DREAM_UPDATE=1 writes it anew)\n", path.c_str(),
               text.c_str());
  return false;
}

}  // namespace dream::testing

#define DREAM_EXPECT(truth) \
  ::dream::testing::expect(static_cast<bool>(truth), __FILE__, __LINE__, #truth)

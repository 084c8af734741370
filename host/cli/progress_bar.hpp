// Progress of one prediction on stderr: a bar that is redrawn in a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include "host/predictions/prediction.hpp"

namespace dream::host {

// One line of at most `width` columns: "12/25 ━━━━━━━━      5.88 it/s, 2 s left".
std::string bar_line(const Progress& progress, std::size_t width);

class ProgressBar {
 public:
  // `file` is stderr; a terminal there gets the bar, anything else a line per second at most.
  explicit ProgressBar(std::FILE* file);
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // "loading …": stays until the next call in a terminal, a plain line elsewhere.
  void status(const std::string& text);
  void progress(const Progress& progress);
  // Whole lines of text above the bar.
  void print(std::string_view lines);
  // Takes the bar away.
  void clear();

 private:
  void draw(const std::string& line);

  std::FILE* file_;
  bool terminal_;
  std::string shown_;  // what stands in the last line of the terminal
  std::chrono::steady_clock::time_point last_line_;
};

}  // namespace dream::host

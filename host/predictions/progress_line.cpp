#include "host/predictions/progress_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

namespace dream::host {
namespace {

constexpr std::uint64_t bar_cells = 10;

std::string bar(double fraction) {
  constexpr std::string_view eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto filled = static_cast<std::uint64_t>(fraction * bar_cells * 8);
  std::string text;
  std::uint64_t cells = filled / 8;
  for (std::uint64_t i = 0; i < cells; ++i) text += "█";
  if (filled % 8 != 0) {
    text += eighths[filled % 8];
    ++cells;
  }
  return text.append(bar_cells - cells, ' ');
}

std::string rate_text(double per_second) {
  if (!(per_second > 0) || !std::isfinite(per_second)) return "?it/s";
  return per_second < 1 ? fmt::format("{:5.2f}s/it", 1 / per_second)
                        : fmt::format("{:5.2f}it/s", per_second);
}

}  // namespace

std::string clock_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  const auto whole = static_cast<std::uint64_t>(seconds);
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{:02}:{:02}", whole / 60, whole % 60);
}

std::string progress_line(const Progress& progress) {
  const std::string label = progress.label.empty() ? "" : progress.label + ": ";
  const double rate =
      progress.elapsed_s > 0 ? static_cast<double>(progress.step) / progress.elapsed_s : 0;
  if (progress.steps == 0)
    return fmt::format("{}{}it [{}, {}]", label, progress.step, clock_text(progress.elapsed_s),
                       rate_text(rate));
  const std::uint64_t step = std::min(progress.step, progress.steps);
  const double fraction = static_cast<double>(step) / static_cast<double>(progress.steps);
  const double left = rate > 0 ? static_cast<double>(progress.steps - step) / rate
                               : std::numeric_limits<double>::quiet_NaN();
  return fmt::format("{}{:3.0f}%|{}| {}/{} [{}<{}, {}]", label, fraction * 100, bar(fraction), step,
                     progress.steps, clock_text(progress.elapsed_s), clock_text(left),
                     rate_text(rate));
}

}  // namespace dream::host

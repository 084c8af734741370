#include "host/cli/progress_bar.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace dream::host {
namespace {

constexpr std::size_t usual_width = 80;
constexpr std::size_t widest_bar = 40;
constexpr std::size_t narrowest_bar = 5;

std::size_t terminal_width(std::FILE* file) {
  winsize size{};
  if (::ioctl(::fileno(file), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual_width;
  return size.ws_col;
}

std::string time_left(double seconds) {
  if (!(seconds >= 0) || !std::isfinite(seconds)) return "";
  const auto whole = static_cast<std::uint64_t>(std::ceil(std::min(seconds, 1e9)));
  if (whole < 60) return fmt::format(", {} s left", whole);
  if (whole < 3600) return fmt::format(", {} min {} s left", whole / 60, whole % 60);
  return fmt::format(", {} h {} min left", whole / 3600, whole / 60 % 60);
}

std::string speed_text(const Progress& progress) {
  if (!(progress.elapsed_s > 0) || progress.step == 0) return "";
  const double rate = static_cast<double>(progress.step) / progress.elapsed_s;
  const std::string speed =
      rate < 1 ? fmt::format("{:.2f} s/it", 1 / rate) : fmt::format("{:.2f} it/s", rate);
  if (progress.steps < progress.step) return speed;
  return speed + time_left(static_cast<double>(progress.steps - progress.step) / rate);
}

}  // namespace

std::string bar_line(const Progress& progress, std::size_t width) {
  const std::string label = progress.label.empty() ? "" : progress.label + " ";
  const std::string count = progress.steps == 0
                                ? fmt::format("{}{}", label, progress.step)
                                : fmt::format("{}{}/{}", label, progress.step, progress.steps);
  const std::string speed = speed_text(progress);
  const std::size_t text = count.size() + speed.size() + (speed.empty() ? 1 : 2);
  if (progress.steps == 0 || text + narrowest_bar > width)
    return fmt::format("{} {}", count, speed).substr(0, width);
  const std::size_t cells = std::min(widest_bar, width - text);
  const double fraction =
      std::min(1.0, static_cast<double>(progress.step) / static_cast<double>(progress.steps));
  const auto filled = static_cast<std::size_t>(fraction * static_cast<double>(cells));
  std::string bar;
  for (std::size_t i = 0; i < cells; ++i) bar += i < filled ? "━" : "┄";
  return fmt::format("{} {}{}{}", count, bar, speed.empty() ? "" : " ", speed);
}

ProgressBar::ProgressBar(std::FILE* file) : file_(file), terminal_(::isatty(::fileno(file)) != 0) {}

void ProgressBar::status(const std::string& text) {
  if (terminal_)
    draw(text);
  else
    fmt::print(file_, "{}\n", text);
}

void ProgressBar::progress(const Progress& progress) {
  if (terminal_) return draw(bar_line(progress, terminal_width(file_) - 1));
  const auto now = std::chrono::steady_clock::now();
  if (now - last_line_ < std::chrono::seconds(1) && progress.step < progress.steps) return;
  last_line_ = now;
  const std::string speed = speed_text(progress);
  fmt::print(file_, "{}step {}/{}{}{}\n", progress.label.empty() ? "" : progress.label + ": ",
             progress.step, progress.steps, speed.empty() ? "" : ", ", speed);
}

void ProgressBar::print(std::string_view lines) {
  const std::string again = shown_;
  clear();
  fmt::print(file_, "{}", lines);
  if (!again.empty()) draw(again);
}

void ProgressBar::clear() {
  if (!shown_.empty()) fmt::print(file_, "\r\x1b[K");
  shown_.clear();
  std::fflush(file_);
}

void ProgressBar::draw(const std::string& line) {
  fmt::print(file_, "\r\x1b[K{}", line);
  std::fflush(file_);
  shown_ = line;
}

}  // namespace dream::host

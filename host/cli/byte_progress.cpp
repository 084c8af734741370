#include "host/cli/byte_progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "weights/inspect.hpp"

namespace dream::host {

void ByteProgress::show(const std::string& name, std::uint64_t there, std::uint64_t all) {
  const auto now = std::chrono::steady_clock::now();
  if (name != name_) name_ = name, first_ = there, begun_ = now;
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  if (now - shown_ < std::chrono::milliseconds(terminal ? 200 : 5000)) return;
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const double rate = seconds > 0 ? static_cast<double>(there - first_) / seconds : 0;
  bar_.status(fmt::format("{}: {}{}, {}/s", name_, weights::human_bytes(there),
                          all > 0 ? " of " + weights::human_bytes(all) : "",
                          weights::human_bytes(static_cast<std::uint64_t>(rate))));
}

}  // namespace dream::host

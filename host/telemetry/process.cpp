#include "host/telemetry/process.hpp"

#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace dream::host {
namespace {

namespace fs = std::filesystem;

// Fields of /proc/PID/stat, numbered as in proc(5), less the three up to the state.
constexpr std::size_t user_ticks = 14 - 3;
constexpr std::size_t system_ticks = 15 - 3;
constexpr std::size_t start_ticks = 22 - 3;
constexpr std::size_t virtual_bytes = 23 - 3;
constexpr std::size_t resident_pages = 24 - 3;

using Fields = std::array<std::string, resident_pages + 1>;

std::optional<Fields> stat_of(pid_t pid, const fs::path& proc) {
  std::ifstream file(proc / std::to_string(pid) / "stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The program's name stands in parentheses and may hold spaces and parentheses itself.
  std::istringstream rest(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  Fields fields;
  for (std::string& field : fields)
    if (!(rest >> field)) return std::nullopt;
  return fields;
}

double seconds(const std::string& ticks) {
  return std::stod(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

std::optional<ProcessUse> process_use(pid_t pid, const fs::path& proc) {
  const auto stat = stat_of(pid, proc);
  if (!stat) return std::nullopt;
  ProcessUse use;
  use.resident_bytes = std::stoull((*stat)[resident_pages]) *
                       static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  use.virtual_bytes = std::stoull((*stat)[virtual_bytes]);
  use.cpu_s = seconds((*stat)[user_ticks]) + seconds((*stat)[system_ticks]);
  return use;
}

double process_start_time_s(pid_t pid, const fs::path& proc) {
  const auto stat = stat_of(pid, proc);
  std::ifstream file(proc / "stat");
  for (std::string line; stat && std::getline(file, line);)
    if (line.starts_with("btime "))
      return std::stod(line.substr(6)) + seconds((*stat)[start_ticks]);
  return 0;
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  std::error_code error;
  for (fs::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error))
    ++count;
  return count > 0 ? count - 1 : 0;  // less the one that this took
}

}  // namespace dream::host

#include "host/workers/oom_kills.hpp"

#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "host/base/text.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;

// The number behind the word "oom_kill" in a file of words and numbers.
std::optional<std::uint64_t> count_in(const fs::path& file) {
  std::ifstream stream(file);
  std::string word;
  std::uint64_t number = 0;
  while (stream >> word >> number)
    if (word == "oom_kill") return number;
  return std::nullopt;
}

// Does a list such as "cpu,memory" name the controller?
bool lists(std::string_view names, std::string_view controller) {
  return any_part(names, ',', [&](std::string_view name) { return name == controller; });
}

// A path such as "system.slice/dream", of our group for `controller`; "" is version 2.
fs::path group_of(const fs::path& root, std::string_view controller) {
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view names = std::string_view(line).substr(first + 1, second - first - 1);
    if (lists(names, controller)) return fs::path(line.substr(second + 1)).relative_path();
  }
  return {};
}

}  // namespace

std::uint64_t oom_kills(const fs::path& root) {
  const fs::path groups = root / "sys/fs/cgroup";
  // In a container the group's path is that of the machine, but its files lie at the top.
  const fs::path candidates[] = {
      groups / group_of(root, "") / "memory.events", groups / "memory.events",
      groups / "memory" / group_of(root, "memory") / "memory.oom_control",
      groups / "memory" / "memory.oom_control", root / "proc/vmstat"};
  for (const auto& file : candidates)
    if (const auto count = count_in(file)) return *count;
  return 0;
}

}  // namespace dream::host

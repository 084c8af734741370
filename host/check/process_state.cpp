#include "host/check/process_state.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace dream::host::check {
namespace fs = std::filesystem;
namespace {

fs::path proc(pid_t pid) {
  return fs::path("/proc") / std::to_string(pid);
}

std::string link_target(const fs::path& link) {
  std::error_code error;
  const auto target = fs::read_symlink(link, error);
  return error ? std::string() : target.string();
}

std::size_t count_entries(const fs::path& folder) {
  std::error_code error;
  std::size_t count = 0;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    ++count;
  return count;
}

struct Stat {
  char state = 'X';
  pid_t parent = -1;
};

// The name in /proc/PID/stat stands in brackets and may hold anything, so the fields are counted
// from the last bracket on.
Stat stat_of(pid_t pid) {
  std::ifstream file(proc(pid) / "stat");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const auto bracket = text.rfind(')');
  Stat stat;
  if (bracket == std::string::npos) return stat;
  std::istringstream(text.substr(bracket + 1)) >> stat.state >> stat.parent;
  return stat;
}

template <class Wanted>
std::vector<pid_t> children_of(pid_t parent, Wanted&& wanted) {
  std::vector<pid_t> found;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const auto pid = static_cast<pid_t>(std::atoi(entry->path().filename().c_str()));
    if (pid <= 0) continue;
    const Stat stat = stat_of(pid);
    if (stat.parent == parent && wanted(stat.state)) found.push_back(pid);
  }
  return found;
}

}  // namespace

ProcessState state_of(pid_t pid) {
  ProcessState state;
  state.folder = link_target(proc(pid) / "cwd");
  state.outputs[0] = link_target(proc(pid) / "fd" / "1");
  state.outputs[1] = link_target(proc(pid) / "fd" / "2");
  state.threads = count_entries(proc(pid) / "task");
  state.files = count_entries(proc(pid) / "fd");
  state.children = children_of(pid, [](char mark) { return mark != 'Z' && mark != 'X'; });
  return state;
}

std::string process_name(pid_t pid) {
  std::ifstream file(proc(pid) / "comm");
  std::string name;
  return std::getline(file, name) ? name : "?";
}

void adopt_orphans() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

std::vector<std::string> end_children(const std::vector<pid_t>& except) {
  std::vector<std::string> names;
  for (const pid_t pid : children_of(::getpid(), [](char) { return true; })) {
    if (std::find(except.begin(), except.end(), pid) != except.end()) continue;
    const std::string name = process_name(pid);
    ::kill(pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) names.push_back(name);
  }
  return names;
}

}  // namespace dream::host::check

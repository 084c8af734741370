#include "host/workers/strays.hpp"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "host/base/ids.hpp"

namespace dream::host {
namespace {

constexpr auto end_limit = std::chrono::milliseconds(100);

// "pid (name) state ppid …", where the name may hold anything.
pid_t parent_of(const std::string& pid) {
  std::ifstream stream("/proc/" + pid + "/stat");
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 4 > text.size()) return 0;
  return std::atoi(text.c_str() + name_end + 4);
}

std::vector<pid_t> children() {
  std::vector<pid_t> found;
  DIR* const processes = ::opendir("/proc");
  if (processes == nullptr) return found;
  const pid_t self = ::getpid();
  while (const dirent* entry = ::readdir(processes)) {
    const std::string name = entry->d_name;
    if (name.find_first_not_of("0123456789") == std::string::npos && parent_of(name) == self)
      found.push_back(std::atoi(name.c_str()));
  }
  ::closedir(processes);
  return found;
}

bool is_marked(pid_t pid) {
  std::ifstream stream("/proc/" + std::to_string(pid) + "/environ", std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  const std::string& mark = worker_mark();
  const auto at = text.find(mark);
  return at != std::string::npos && (at == 0 || text[at - 1] == '\0') &&
         text.c_str()[at + mark.size()] == '\0';
}

}  // namespace

const std::string& worker_mark() {
  static const std::string mark = "DREAM_WORKER_OF=" + new_id();
  return mark;
}

void adopt_strays() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

void end_strays(const std::vector<pid_t>& workers) {
  const auto limit = std::chrono::steady_clock::now() + end_limit;
  std::set<pid_t> killed;  // on its way out a process shows no mark any more
  for (;;) {               // what they leave behind falls to us next
    bool left = false;
    for (const pid_t pid : children()) {
      if (std::find(workers.begin(), workers.end(), pid) != workers.end()) continue;
      if (is_marked(pid)) {
        ::kill(pid, SIGKILL);
        killed.insert(pid);
      }
      ::waitpid(pid, nullptr, WNOHANG);
      left = left || killed.contains(pid);  // still there, or until now: its children come next
    }
    if (!left || std::chrono::steady_clock::now() > limit) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace dream::host

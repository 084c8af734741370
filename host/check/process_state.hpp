// What a process has to show for itself in /proc: the state a template shares with its host and
// must leave as it found it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace dream::host::check {

struct ProcessState {
  std::string folder;           // its working directory
  std::string outputs[2];       // what fd 1 and 2 point at, e.g. "pipe:[4711]"; empty: closed
  std::size_t threads = 0;      // 0: the process is gone
  std::size_t files = 0;        // open descriptors
  std::vector<pid_t> children;  // that have not ended
};

ProcessState state_of(pid_t pid);

// The name of a process, "?" if it is gone.
std::string process_name(pid_t pid);

// Orphans of this process's children become its own children from now on, so that none escapes.
void adopt_orphans();

// Ends and reaps all children of this process but `except`; the names of those that had not ended
// by themselves.
std::vector<std::string> end_children(const std::vector<pid_t>& except = {});

}  // namespace dream::host::check

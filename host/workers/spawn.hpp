// Starts a program that dies with us: no worker outlives its host, whatever ends the host.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "host/workers/sandbox.hpp"

namespace dream::host {

struct SpawnSpec {
  std::filesystem::path program;
  std::vector<std::string> arguments;  // without argv[0]
  std::vector<int> inherited_fds;      // keep their numbers in the child; all others are closed
  int stdout_fd = -1;
  int stderr_fd = -1;
  std::vector<std::string> environment;  // NAME=value, before what the child inherits
  std::vector<std::string> withheld;     // names of variables that the child does not inherit
  const SandboxEntry* sandbox = nullptr;
};

// The process id of the new child. It leads its own process group, so that Ctrl-C in a terminal
// reaches the host alone and kill(-pid) reaches its helpers; stdin is /dev/null; it gets SIGKILL
// when the calling thread ends. Throws std::system_error, naming the program and what failed, if it
// cannot start.
pid_t spawn(const SpawnSpec& spec);

// "killed by signal 9 (SIGKILL)", "exited with code 3": a status of waitpid() for people.
std::string describe_wait_status(int status);

}  // namespace dream::host

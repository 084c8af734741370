// Processes that templates start and do not end. They die with their worker, also those that left
// its process group, and none stays behind as a zombie.
//
// The host and its workers are "child subreapers": what loses its parent falls to its worker, and
// when that has died, to the host. A worker's processes carry a mark in their environment, so that
// nothing else is ever touched that may fall to a host which is a container's first process.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace dream::host {

// "NAME=value" for the environment of a worker of this process.
const std::string& worker_mark();

// Makes this process the one to which orphans fall.
void adopt_strays();

// Kills the children of this process that carry its mark and are not among `workers`, and waits a
// moment for their end; reaps every other child that has ended.
void end_strays(const std::vector<pid_t>& workers);

}  // namespace dream::host

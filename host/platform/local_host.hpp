// A host of this machine: `dream serve` as a child process, on the loopback.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "host/downloads/address_rule.hpp"

namespace dream::host {

class LocalHost {
 public:
  // Serves `template_name` with more arguments of `dream serve`. It ends with the calling thread
  // at the latest, sees none of the platform's secrets, and fetches what clients name by `rule`
  // alone, but for files of the platform itself, `local_url`. Outputs go to `upload_url`, which
  // lets whoever knows it put files: it is in no command line. Throws std::runtime_error.
  LocalHost(const std::string& template_name, std::vector<std::string> arguments,
            const std::string& upload_url, AddressRule rule, const std::string& local_url);
  ~LocalHost();
  LocalHost(const LocalHost&) = delete;
  LocalHost& operator=(const LocalHost&) = delete;

  const std::string& url() const { return url_; }
  pid_t pid() const { return pid_; }
  // How it ended, if it has: "killed by signal 9 (SIGKILL)".
  std::string end();

 private:
  std::string url_;
  pid_t pid_ = -1;
  std::string end_;
};

// What a process and its children have in memory, files that they map among it; 0 once it is gone.
std::uint64_t resident_bytes(pid_t process);

}  // namespace dream::host

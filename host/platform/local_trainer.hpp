// A trainer of ours on this machine: `dream serve` as a child process for one training.
#pragma once

#include <sys/types.h>

#include <string>

namespace dream::host {

class LocalTrainer {
 public:
  // Serves `template_name` on the loopback; files of outputs are put below `upload_url`. It ends
  // with the calling thread at the latest. Throws std::runtime_error.
  LocalTrainer(const std::string& template_name, const std::string& upload_url);
  ~LocalTrainer();
  LocalTrainer(const LocalTrainer&) = delete;
  LocalTrainer& operator=(const LocalTrainer&) = delete;

  const std::string& url() const { return url_; }
  // How it ended, if it has: "killed by signal 9 (SIGKILL)".
  std::string end();

 private:
  std::string url_;
  pid_t pid_ = -1;
  std::string end_;
};

}  // namespace dream::host

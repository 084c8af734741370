// One running dream-worker: its channels, its captured output, and its end. Knows nothing of
// predictions. Lives on the host's one io_context thread.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "host/workers/channel.hpp"
#include "host/workers/line_reader.hpp"
#include "host/workers/sandbox.hpp"

namespace dream::host {

struct WorkerLaunch {
  std::filesystem::path program;  // dream-worker
  int slots = 1;
  Sandbox sandbox = {};
  // Each process gets a folder of its own in here for temporary files (TMPDIR), which goes with it.
  // Empty: the system's.
  std::filesystem::path scratch = {};
  bool end_strays = true;  // when it has ended, also processes it started that left its group
};

class WorkerProcess {
 public:
  struct Handlers {
    // These two may throw on a message that breaks the protocol; the process is then killed.
    std::function<void(const nlohmann::json& message)> control;
    std::function<void(int slot, const nlohmann::json& message)> slot;
    std::function<void(std::string_view line, bool is_stderr)> output;  // raw, with '\n'
    // The last callback: the process is reaped and all it had sent has been handled.
    std::function<void(const std::string& reason)> exited;
  };

  // Throws std::system_error or std::invalid_argument if it cannot start.
  WorkerProcess(boost::asio::io_context& io, const WorkerLaunch& launch, Handlers handlers);
  ~WorkerProcess();  // kills the process and waits for it; no callback after it
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  pid_t pid() const { return pid_; }
  void send(const nlohmann::json& message);            // on the control channel
  void send(int slot, const nlohmann::json& message);  // throws std::length_error if too long
  // Hands on all raw output that was written until now.
  void drain_output();
  // SIGKILL to the process and its helpers; `why` then stands in place of the reason for its end.
  // A process that the kernel does not end within seconds is given up.
  void kill(const std::string& why = {});
  // Gives a folder to the worker's user.
  void hand_over(const std::filesystem::path& folder) const { sandbox_.hand_over(folder); }

 private:
  void start_channels(boost::asio::io_context& io, std::vector<UniqueFd> ends,
                      std::vector<UniqueFd> outputs);
  void channel_ended(const std::string& violation);
  void await_end();
  void reap();
  void forget();
  void finish(const std::string& reason);
  void note_output(std::string_view line, bool is_stderr);
  std::string reason_of(int status, std::int64_t peak_bytes) const;
  void close();

  Handlers handlers_;
  SandboxEntry sandbox_;
  std::filesystem::path scratch_;
  bool end_strays_;
  std::uint64_t oom_kills_before_;
  boost::asio::signal_set child_ended_;
  boost::asio::steady_timer closing_;  // until it has ended by itself, then until it is killed
  pid_t pid_ = -1;
  std::vector<std::shared_ptr<Channel>> channels_;  // control, then one per slot
  std::vector<std::shared_ptr<LineReader>> outputs_;
  std::string kill_reason_;
  std::string last_stderr_line_;
  std::chrono::steady_clock::time_point last_stderr_time_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // expires with us: guards late handlers
};

}  // namespace dream::host

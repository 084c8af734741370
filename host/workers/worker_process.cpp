#include "host/workers/worker_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "host/base/ids.hpp"
#include "host/base/unique_fd.hpp"
#include "host/workers/oom_kills.hpp"
#include "host/workers/spawn.hpp"
#include "host/workers/strays.hpp"

namespace dream::host {
namespace {

// A worker that has closed its channels but lives on is killed after this.
constexpr auto closing_limit = std::chrono::seconds(2);
// What the kernel does not end this long after SIGKILL will not be waited for.
constexpr auto kill_limit = std::chrono::seconds(10);
// A line on stderr this short before the end is taken for the cause of death.
constexpr auto last_words_limit = std::chrono::seconds(5);

// All that run: not to be taken for strays of theirs. The host has one thread.
std::vector<pid_t> living;

struct FdPair {
  UniqueFd ours;
  UniqueFd theirs;
};

FdPair make_socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

FdPair make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace

WorkerProcess::WorkerProcess(boost::asio::io_context& io, const WorkerLaunch& launch,
                             Handlers handlers)
    : handlers_(std::move(handlers)),
      sandbox_(launch.sandbox),
      end_strays_(launch.end_strays),
      oom_kills_before_(oom_kills()),
      child_ended_(io, SIGCHLD),
      closing_(io) {
  adopt_strays();
  std::vector<UniqueFd> ends;
  std::vector<UniqueFd> their_ends;
  SpawnSpec spec;
  for (int i = 0; i <= launch.slots; ++i) {
    FdPair pair = make_socket_pair();
    spec.inherited_fds.push_back(pair.theirs.get());
    ends.push_back(std::move(pair.ours));
    their_ends.push_back(std::move(pair.theirs));
  }
  FdPair out = make_pipe();
  FdPair err = make_pipe();
  spec.program = launch.program;
  spec.stdout_fd = out.theirs.get();
  spec.stderr_fd = err.theirs.get();
  spec.sandbox = &sandbox_;
  const auto& fds = spec.inherited_fds;
  spec.arguments = {"--control-fd", std::to_string(fds.front()), "--slot-fds",
                    fmt::format("{}", fmt::join(fds.begin() + 1, fds.end(), ","))};
  spec.environment = {worker_mark()};
  spec.withheld = {"WEBHOOK_AUTH_TOKEN", "WEBHOOK_SIGNING_SECRET"};  // no business of a template
  if (!launch.scratch.empty()) {
    scratch_ = launch.scratch / ("tmp-" + new_id());
    std::filesystem::create_directories(scratch_);
    sandbox_.hand_over(scratch_);
    spec.environment.push_back("TMPDIR=" + scratch_.string());
  }
  pid_ = spawn(spec);
  living.push_back(pid_);
  std::vector<UniqueFd> outputs;
  outputs.push_back(std::move(out.ours));
  outputs.push_back(std::move(err.ours));
  start_channels(io, std::move(ends), std::move(outputs));
  await_end();
}

void WorkerProcess::start_channels(boost::asio::io_context& io, std::vector<UniqueFd> ends,
                                   std::vector<UniqueFd> outputs) {
  const auto ended = [this](const std::string& violation) { channel_ended(violation); };
  for (int i = 0; i < static_cast<int>(ends.size()); ++i) {
    Channel::Handlers channel{nullptr, ended};
    if (i == 0)
      channel.message = [this](const nlohmann::json& message) { handlers_.control(message); };
    else
      channel.message = [this, i](const nlohmann::json& message) {
        handlers_.slot(i - 1, message);
      };
    channels_.push_back(
        std::make_shared<Channel>(io, std::move(ends[static_cast<std::size_t>(i)]), channel));
    channels_.back()->start();
  }
  for (const bool is_stderr : {false, true}) {
    outputs_.push_back(std::make_shared<LineReader>(
        io, std::move(outputs[is_stderr ? 1 : 0]),
        [this, is_stderr](std::string_view line) { note_output(line, is_stderr); }));
    outputs_.back()->start();
  }
}

WorkerProcess::~WorkerProcess() {
  if (pid_ > 0) {
    kill();
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    forget();
  }
  close();
}

void WorkerProcess::send(const nlohmann::json& message) {
  channels_.front()->send(message);
}

void WorkerProcess::send(int slot, const nlohmann::json& message) {
  channels_.at(static_cast<std::size_t>(slot) + 1)->send(message);
}

void WorkerProcess::drain_output() {
  std::array<pollfd, 2> ends{};  // mostly nothing was written: one call says so for both
  for (std::size_t i = 0; i < ends.size(); ++i)
    ends[i] = {.fd = outputs_[i]->descriptor(), .events = POLLIN, .revents = 0};
  ::poll(ends.data(), ends.size(), 0);
  for (std::size_t i = 0; i < ends.size(); ++i)
    ends[i].revents == 0 ? outputs_[i]->flush() : outputs_[i]->drain();
}

void WorkerProcess::kill(const std::string& why) {
  if (pid_ <= 0) return;
  if (kill_reason_.empty()) kill_reason_ = why;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);  // before it has made its own group, the line above reaches nobody
  closing_.expires_after(kill_limit);
  closing_.async_wait([this, guard = std::weak_ptr(alive_)](const auto& error) {
    if (error || guard.expired()) return;
    forget();  // it will be reaped as a stray, one day
    finish(kill_reason_ + " (and the kernel does not end it)");
  });
}

void WorkerProcess::channel_ended(const std::string& violation) {
  if (!violation.empty()) return kill("malformed message (" + violation + ")");
  closing_.expires_after(closing_limit);
  closing_.async_wait([this, guard = std::weak_ptr(alive_)](const auto& error) {
    if (!error && !guard.expired()) kill("its channel closed while the process went on");
  });
}

void WorkerProcess::await_end() {
  child_ended_.async_wait([this, guard = std::weak_ptr(alive_)](const auto& error, int) {
    if (!error && !guard.expired()) reap();
  });
}

void WorkerProcess::reap() {
  int status = 0;
  rusage usage{};
  const pid_t reaped = ::wait4(pid_, &status, WNOHANG, &usage);
  if (reaped == 0) {  // the signal was for another child
    if (end_strays_) end_strays(living);
    return await_end();
  }
  ::kill(-pid_, SIGKILL);  // helpers it may have left behind
  forget();
  for (const auto& channel : channels_) channel->drain();
  drain_output();
  finish(reason_of(status, std::int64_t{usage.ru_maxrss} * 1024));
}

void WorkerProcess::forget() {
  living.erase(std::remove(living.begin(), living.end(), pid_), living.end());
  pid_ = -1;
}

void WorkerProcess::finish(const std::string& reason) {
  close();
  const auto exited = std::move(handlers_.exited);
  exited(reason);  // may destroy us
}

void WorkerProcess::note_output(std::string_view line, bool is_stderr) {
  if (is_stderr && line.size() > 1) {
    last_stderr_line_ = line.substr(0, line.size() - 1);
    last_stderr_time_ = std::chrono::steady_clock::now();
  }
  handlers_.output(line, is_stderr);
}

std::string WorkerProcess::reason_of(int status, std::int64_t peak_bytes) const {
  if (!kill_reason_.empty()) return kill_reason_;
  std::string reason = describe_wait_status(status);
  const bool from_outside = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (from_outside && oom_kills() > oom_kills_before_)
    return fmt::format("out of memory: the kernel ended it when it held {} MiB ({})",
                       peak_bytes >> 20, reason);
  const bool fresh = std::chrono::steady_clock::now() - last_stderr_time_ < last_words_limit;
  if (!from_outside && fresh && !last_stderr_line_.empty()) reason += ": " + last_stderr_line_;
  return reason;
}

void WorkerProcess::close() {
  if (alive_ == nullptr) return;
  alive_.reset();
  boost::system::error_code ignored;
  child_ended_.cancel(ignored);
  closing_.cancel();
  for (const auto& channel : channels_) channel->close();
  for (const auto& output : outputs_) output->close();
  if (end_strays_) end_strays(living);
  std::error_code left;
  if (!scratch_.empty()) std::filesystem::remove_all(scratch_, left);
}

}  // namespace dream::host

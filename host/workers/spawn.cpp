#include "host/workers/spawn.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <system_error>

#include "host/base/unique_fd.hpp"

namespace dream::host {
namespace {

bool keep_open(int fd) {
  return ::fcntl(fd, F_SETFD, 0) == 0;
}

// Sockets of clients, made by libraries that do not mark them, must not stay open in the worker.
void close_the_rest_on_exec() {
  constexpr int first = STDERR_FILENO + 1;
  if (::close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  constexpr int enough = 65536;  // a kernel before 5.11
  for (int fd = first; fd < enough; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

// What a child that could not start tells its parent.
struct Failure {
  int error;
  char what[120];
};

// Runs between fork and exec: only async-signal-safe calls, since other threads may have held
// locks. Result: what failed, with its reason in errno.
const char* become_program(const SpawnSpec& spec, char* const* argv, char* const* environment,
                           pid_t parent) {
  ::setpgid(0, 0);
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing < 0 || ::dup2(nothing, STDIN_FILENO) < 0) return "its standard input";
  if (::dup2(spec.stdout_fd, STDOUT_FILENO) < 0 || ::dup2(spec.stderr_fd, STDERR_FILENO) < 0)
    return "its standard output";
  if (spec.sandbox != nullptr)
    if (const char* failed = spec.sandbox->enter()) return failed;
  // After the sandbox, which may change the user: that would undo it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) return "its parent";
  close_the_rest_on_exec();
  for (const int fd : spec.inherited_fds)
    if (!keep_open(fd)) return "its channels";
  ::execve(argv[0], argv, environment);
  return "the program";
}

// The inherited environment, but what is withheld, behind what is set; the first of two with one
// name counts.
std::vector<char*> environment_of(std::vector<std::string>& set,
                                  const std::vector<std::string>& withheld) {
  std::vector<char*> all;
  for (auto& entry : set) all.push_back(entry.data());
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto name = text.substr(0, text.find('=') + 1);
    const bool replaced = std::any_of(set.begin(), set.end(),
                                      [&](const auto& other) { return other.starts_with(name); });
    const bool kept_back = std::any_of(withheld.begin(), withheld.end(), [&](const auto& other) {
      return name == other + '=';
    });
    if (!replaced && !kept_back) all.push_back(*entry);
  }
  all.push_back(nullptr);
  return all;
}

}  // namespace

pid_t spawn(const SpawnSpec& spec) {
  int report[2];  // the child writes its Failure here; exec closes it
  if (::pipe2(report, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  const UniqueFd report_read(report[0]);
  UniqueFd report_write(report[1]);

  std::string program = spec.program.string();
  std::vector<std::string> arguments = spec.arguments;
  std::vector<char*> argv{program.data()};
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::vector<std::string> set = spec.environment;
  const std::vector<char*> environment = environment_of(set, spec.withheld);

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) {
    const char* what = become_program(spec, argv.data(), environment.data(), parent);
    Failure failure{errno, {}};
    std::strncpy(failure.what, what, sizeof failure.what - 1);
    if (::write(report[1], &failure, sizeof failure) < 0) ::_exit(126);
    ::_exit(127);
  }
  { const UniqueFd closed = std::move(report_write); }
  Failure failure{};
  ssize_t got = 0;
  do got = ::read(report_read.get(), &failure, sizeof failure);
  while (got < 0 && errno == EINTR);
  if (got > 0) {
    ::waitpid(pid, nullptr, 0);
    throw std::system_error(failure.error, std::generic_category(),
                            "cannot start " + program + ": " + failure.what);
  }
  return pid;
}

std::string describe_wait_status(int status) {
  if (!WIFSIGNALED(status)) return fmt::format("exited with code {}", WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? fmt::format("killed by signal {}", signal)
                         : fmt::format("killed by signal {} (SIG{})", signal, name);
}

}  // namespace dream::host

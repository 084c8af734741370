#include "host/oci/credential_helper.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "host/base/text.hpp"
#include "host/base/unique_fd.hpp"
#include "host/oci/document.hpp"
#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

constexpr std::chrono::seconds patience{30};
constexpr std::size_t most_answer_bytes = 64 << 10;

bool is_plain(const std::string& name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

struct Pipe {
  UniqueFd read, write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw Error(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// A started program; killed when it is not waited for.
class Child {
 public:
  Child(const std::string& program, int input, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t pipe;  // ignored here, which programs inherit
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &pipe);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    std::string name = program, verb = "get";
    std::array<char*, 3> arguments{name.data(), verb.data(), nullptr};
    const int failed =
        ::posix_spawnp(&pid_, name.c_str(), &actions, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed == ENOENT)
      throw InputError(fmt::format("the credential helper {} is not in PATH", program));
    if (failed != 0)
      throw Error(fmt::format("cannot start {}: {}", program, std::strerror(failed)));
  }
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
};

std::string read_answer(int fd, const std::string& program) {
  std::string answer;
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd ready{fd, POLLIN, 0};
    const int count = left.count() > 0 ? ::poll(&ready, 1, static_cast<int>(left.count())) : 0;
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0)
      throw Error(fmt::format("{} did not answer within {} s", program, patience.count()));
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return answer;
    answer.append(buffer.data(), static_cast<std::size_t>(got));
    if (answer.size() > most_answer_bytes)
      throw Error(fmt::format("{} answered more than {} bytes", program, most_answer_bytes));
  }
}

Login parse_login(const std::string& answer, const std::string& program) {
  const Document document = parse_document(answer, program);
  const std::string user = text_member(document, "Username", program);
  const std::string secret = text_member(document, "Secret", program);
  if (secret.empty()) throw Error(fmt::format("{}: its answer has no \"Secret\"", program));
  return user == "<token>" ? Login{"", "", secret} : Login{user, secret, ""};
}

}  // namespace

std::optional<Login> ask_credential_helper(const std::string& name, const std::string& server) {
  if (!is_plain(name))
    throw InputError(fmt::format("'{}' is no name of a credential helper: a plain word is expected",
                                 valid_utf8(name)));
  const std::string program = "docker-credential-" + name;
  Pipe input = make_pipe(), output = make_pipe();
  Child child(program, input.read.get(), output.write.get());
  input.read = UniqueFd();
  output.write = UniqueFd();
  // A name fits into the pipe; a helper that does not read it is its own affair.
  if (::write(input.write.get(), server.data(), server.size()) < 0 && errno != EPIPE)
    throw Error(fmt::format("cannot ask {}: {}", program, std::strerror(errno)));
  input.write = UniqueFd();
  const std::string answer = read_answer(output.read.get(), program);
  const int status = child.wait();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return parse_login(answer, program);
  // How helpers say that there is none, in words that are fixed by their protocol.
  if (answer.find("credentials not found") != std::string::npos) return std::nullopt;
  throw Error(
      fmt::format("{} failed: {}", program, valid_utf8(trimmed(answer.substr(0, 300), " \r\n"))));
}

}  // namespace dream::host::oci

#include "host/platform/local_trainer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "host/base/paths.hpp"
#include "host/base/unique_fd.hpp"
#include "host/workers/spawn.hpp"

namespace dream::host {
namespace {

constexpr std::chrono::seconds grace{10};  // to end by itself

int free_port() {
  const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (probe.get() < 0 || ::bind(probe.get(), any, size) != 0 ||
      ::getsockname(probe.get(), any, &size) != 0)
    throw std::system_error(errno, std::generic_category(), "no port for the trainer");
  return ntohs(address.sin_port);
}

}  // namespace

LocalTrainer::LocalTrainer(const std::string& template_name, const std::string& upload_url) {
  const std::string port = std::to_string(free_port());
  url_ = "http://127.0.0.1:" + port;
  SpawnSpec spec;
  spec.program = install_prefix() / "bin" / "dream";
  spec.arguments = {"serve",  template_name, "--host",       "127.0.0.1", "--port", port,
                    "--x-mode", "train",       "--upload-url", upload_url};
  spec.stdout_fd = STDERR_FILENO;
  spec.stderr_fd = STDERR_FILENO;
  pid_ = spawn(spec);
}

LocalTrainer::~LocalTrainer() {
  if (!end().empty()) return;
  // The second one cancels what the first would have waited for.
  ::kill(pid_, SIGTERM);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ::kill(pid_, SIGTERM);
  const auto limit = std::chrono::steady_clock::now() + grace;
  while (end().empty() && std::chrono::steady_clock::now() < limit)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  if (!end().empty()) return;
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string LocalTrainer::end() {
  if (!end_.empty()) return end_;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == pid_) end_ = describe_wait_status(status);
  if (ended < 0) end_ = "gone";
  return end_;
}

}  // namespace dream::host

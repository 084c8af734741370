#include "host/platform/local_host.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>
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
    throw std::system_error(errno, std::generic_category(), "no port for a host");
  return ntohs(address.sin_port);
}

}  // namespace

LocalHost::LocalHost(const std::string& template_name, std::vector<std::string> arguments,
                     const std::string& upload_url, AddressRule rule,
                     const std::string& local_url) {
  const std::string port = std::to_string(free_port());
  url_ = "http://127.0.0.1:" + port;
  SpawnSpec spec;
  spec.program = install_prefix() / "bin" / "dream";
  spec.arguments = {"serve", template_name, "--host", "127.0.0.1", "--port", port};
  spec.arguments.insert(spec.arguments.end(), arguments.begin(), arguments.end());
  spec.environment = {"DREAM_UPLOAD_URL=" + upload_url};
  if (rule == AddressRule::public_only) {
    spec.arguments.emplace_back("--public-urls-only");
    spec.environment.push_back("DREAM_TRUSTED_ADDRESS=" +
                               local_url.substr(local_url.find("://") + 3));
  }
  spec.stdout_fd = STDERR_FILENO;
  spec.stderr_fd = STDERR_FILENO;
  spec.withheld = {"DREAM_API_TOKENS", "DREAM_DATABASE", "WEBHOOK_SIGNING_SECRET"};
  pid_ = spawn(spec);
}

LocalHost::~LocalHost() {
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

std::string LocalHost::end() {
  if (!end_.empty()) return end_;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == pid_) end_ = describe_wait_status(status);
  if (ended < 0) end_ = "gone";
  return end_;
}

std::uint64_t resident_bytes(pid_t process) {
  const std::string folder = "/proc/" + std::to_string(process);
  std::uint64_t bytes = 0;
  std::ifstream status(folder + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("VmRSS:")) continue;
    std::istringstream number(line.substr(6));
    std::uint64_t kilobytes = 0;
    if (number >> kilobytes) bytes = kilobytes << 10U;
  }
  std::ifstream children(folder + "/task/" + std::to_string(process) + "/children");
  for (pid_t child = 0; children >> child;) bytes += resident_bytes(child);
  return bytes;
}

}  // namespace dream::host

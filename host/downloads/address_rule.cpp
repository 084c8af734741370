#include "host/downloads/address_rule.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace dream::host {
namespace {

enum class Kind { open, loopback, link_local, local_network, reserved };

struct Block4 {
  std::uint32_t begin;
  int bits;
  Kind kind;
};

constexpr std::uint32_t ip4(std::uint32_t a, std::uint32_t b, std::uint32_t c = 0) {
  return a << 24 | b << 16 | c << 8;
}

constexpr Block4 blocks4[] = {
    {ip4(0, 0), 8, Kind::loopback},  // "this host": connecting to it reaches the loopback
    {ip4(127, 0), 8, Kind::loopback},
    {ip4(169, 254), 16, Kind::link_local},
    {ip4(10, 0), 8, Kind::local_network},
    {ip4(100, 64), 10, Kind::local_network},  // a provider's own network
    {ip4(172, 16), 12, Kind::local_network},
    {ip4(192, 168), 16, Kind::local_network},
    {ip4(192, 0, 0), 24, Kind::reserved},
    {ip4(198, 18), 15, Kind::reserved},  // benchmarks
    {ip4(224, 0), 4, Kind::reserved},    // multicast
    {ip4(240, 0), 4, Kind::reserved},
};

Kind kind_of4(std::uint32_t address) {
  for (const Block4& block : blocks4)
    if ((address ^ block.begin) >> (32 - block.bits) == 0) return block.kind;
  return Kind::open;
}

using Bytes6 = std::array<std::uint8_t, 16>;

std::uint32_t ip4_at(const Bytes6& bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 |
         std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
}

Kind kind_of6(const Bytes6& bytes) {
  const auto begins = [&](std::initializer_list<std::uint8_t> start) {
    return std::memcmp(bytes.data(), std::data(start), start.size()) == 0;
  };
  if (begins({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF})) return kind_of4(ip4_at(bytes, 12));
  if (begins({0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0})) return kind_of4(ip4_at(bytes, 12));
  if (begins({0x20, 0x02})) return kind_of4(ip4_at(bytes, 2));
  if (begins({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) return Kind::loopback;  // :: and ::1
  if (begins({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) return Kind::reserved;
  if (begins({0xFE}) && (bytes[1] & 0xC0) == 0x80) return Kind::link_local;
  if (begins({0xFE}) && (bytes[1] & 0xC0) == 0xC0) return Kind::local_network;  // site-local
  if ((bytes[0] & 0xFE) == 0xFC) return Kind::local_network;
  if (begins({0x01, 0, 0, 0, 0, 0, 0, 0}) || begins({0xFF})) return Kind::reserved;
  return Kind::open;
}

Kind kind_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &address, sizeof four);
    return kind_of4(ntohl(four.sin_addr.s_addr));
  }
  if (address.sa_family != AF_INET6) return Kind::reserved;
  sockaddr_in6 six{};
  std::memcpy(&six, &address, sizeof six);
  Bytes6 bytes;
  std::memcpy(bytes.data(), &six.sin6_addr, bytes.size());
  return kind_of6(bytes);
}

std::string text_of(const curl_sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const auto* bytes = reinterpret_cast<const char*>(&address.addr);
  const std::size_t at = address.family == AF_INET ? offsetof(sockaddr_in, sin_addr)
                                                   : offsetof(sockaddr_in6, sin6_addr);
  const char* written = ::inet_ntop(address.family, bytes + at, text.data(), text.size());
  return written == nullptr ? "the address" : written;
}

// "IP:PORT" ("[IP]:PORT" of IPv6), which whoever started this process trusts although the rule does
// not: the platform, for the hosts that it starts. By the whole address: not another port of that
// machine.
bool is_trusted(const curl_sockaddr& address) {
  static const char* const trusted = std::getenv("DREAM_TRUSTED_ADDRESS");
  if (trusted == nullptr) return false;
  std::uint16_t port = 0;
  if (address.family == AF_INET)
    port = reinterpret_cast<const sockaddr_in*>(&address.addr)->sin_port;
  else if (address.family == AF_INET6)
    port = reinterpret_cast<const sockaddr_in6*>(&address.addr)->sin6_port;
  std::string host = text_of(address);
  if (address.family == AF_INET6) host = "[" + host + "]";
  return fmt::format("{}:{}", host, ntohs(port)) == trusted;
}

}  // namespace

std::string_view refused_as(const sockaddr& address, AddressRule rule) {
  if (rule == AddressRule::any) return {};
  const Kind kind = kind_of(address);
  if (kind == Kind::link_local) return "a link-local address";
  if (rule == AddressRule::no_link_local) return {};
  if (kind == Kind::loopback) return "an address of this machine";
  if (kind == Kind::local_network) return "a private address";
  return kind == Kind::reserved ? "a reserved address" : "";
}

void AddressGuard::watch(CURL* curl) {
  if (rule_ == AddressRule::any) return;
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, this);
  if (rule_ == AddressRule::public_only) curl_easy_setopt(curl, CURLOPT_PROXY, "");
}

curl_socket_t AddressGuard::open_socket(void* guard, curlsocktype, curl_sockaddr* address) {
  auto& self = *static_cast<AddressGuard*>(guard);
  const std::string_view kind = refused_as(address->addr, self.rule_);
  if (!kind.empty() && !is_trusted(*address)) {
    self.refusal_ = fmt::format("{} is {}, from which this server fetches nothing "
                                "(--allow-private-urls lets it)",
                                text_of(*address), kind);
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

}  // namespace dream::host

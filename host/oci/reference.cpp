#include "host/oci/reference.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "host/base/text.hpp"
#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_tag = 128;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_small(char c) {
  return (c >= 'a' && c <= 'z') || is_digit(c);
}
bool is_alphanumeric(char c) {
  return is_small(c) || (c >= 'A' && c <= 'Z');
}

// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*
bool is_repository_part(std::string_view text) {
  if (text.empty() || !is_small(text.front()) || !is_small(text.back())) return false;
  for (std::size_t at = 0; at < text.size();) {
    if (is_small(text[at])) {
      ++at;
      continue;
    }
    const std::size_t end = text.find_first_of("abcdefghijklmnopqrstuvwxyz0123456789", at);
    const std::string_view separator = text.substr(at, end - at);
    const bool dashes = separator.find_first_not_of('-') == std::string_view::npos;
    if (separator != "." && separator != "_" && separator != "__" && !dashes) return false;
    at = end;
  }
  return true;
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > longest_name) return false;
  return !any_part(host, '.', [](std::string_view label) {
    return label.empty() || label.front() == '-' || label.back() == '-' ||
           !std::ranges::all_of(label, [](char c) { return is_alphanumeric(c) || c == '-'; });
  });
}

// The host without its port and brackets; `port` receives what follows the colon.
std::string_view split_port(std::string_view registry, std::string_view& port) {
  port = {};
  if (registry.starts_with('[')) {
    const std::size_t end = registry.find(']');
    if (end == std::string_view::npos) return {};
    if (registry.size() > end + 1) port = registry.substr(end + 1);
    return registry.substr(1, end - 1);
  }
  const std::size_t colon = registry.find(':');
  if (colon == std::string_view::npos) return registry;
  port = registry.substr(colon);
  return registry.substr(0, colon);
}

bool is_registry(std::string_view text) {
  std::string_view port;
  const std::string host(split_port(text, port));
  if (!port.empty()) {
    const auto number = parse_number<unsigned>(port.substr(1));
    if (port.front() != ':' || !number || *number == 0 || *number > 65535) return false;
  }
  in6_addr address{};
  return text.starts_with('[') ? ::inet_pton(AF_INET6, host.c_str(), &address) == 1
                               : is_host_name(host);
}

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw InputError(
      fmt::format("'{}' is no name of an image: {}", valid_utf8(text.substr(0, 300)), why));
}

}  // namespace

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= longest_tag &&
         (is_alphanumeric(text.front()) || text.front() == '_') &&
         std::ranges::all_of(
             text, [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_repository(std::string_view text) {
  return text.size() <= longest_name &&
         !any_part(text, '/', [](std::string_view part) { return !is_repository_part(part); });
}

bool begins_with_registry(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0) return false;
  const std::string_view first = text.substr(0, slash);
  return first == "localhost" || (first.find_first_of(".:") != std::string_view::npos &&
                                  !first.starts_with('.') && is_registry(first));
}

bool is_loopback(std::string_view registry) {
  std::string_view port;
  const std::string host = lower(split_port(registry, port));
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return host == "localhost" || host.ends_with(".localhost") || host == "::1";
}

Reference parse_reference(std::string_view text) {
  Reference reference;
  const std::size_t slash = text.find('/');
  if (!begins_with_registry(text))
    refuse(text,
           "expected HOST[:PORT]/REPOSITORY[:TAG][@sha256:…], for example "
           "registry.example.com/me/model:1");
  reference.registry = text.substr(0, slash);
  std::string_view rest = text.substr(slash + 1);
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    reference.digest = Digest::parse(rest.substr(at + 1));
    if (!reference.digest) refuse(text, "a digest is sha256: and 64 lower-case hexadecimal digits");
    rest = rest.substr(0, at);
  }
  if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
    reference.tag = rest.substr(colon + 1);
    if (!is_tag(reference.tag))
      refuse(text,
             "a tag is up to 128 letters, digits, '_', '.' and '-', not beginning with '.' "
             "or '-'");
    rest = rest.substr(0, colon);
  }
  reference.repository = rest;
  if (!is_repository(rest))
    refuse(text,
           "a repository is lower-case letters and digits in parts between '/', with '.', "
           "'_', '__' or dashes inside a part");
  if (reference.registry == "docker.io" || reference.registry == "index.docker.io") {
    reference.registry = "registry-1.docker.io";
    if (rest.find('/') == std::string_view::npos)
      reference.repository = "library/" + reference.repository;
  }
  return reference;
}

std::string Reference::manifest_key() const {
  return digest ? digest->text() : tag.empty() ? "latest" : tag;
}

std::string Reference::text() const {
  return fmt::format("{}/{}{}{}", registry, repository, tag.empty() ? "" : ":" + tag,
                     digest ? "@" + digest->text() : "");
}

}  // namespace dream::host::oci

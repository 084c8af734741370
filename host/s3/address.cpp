#include "host/s3/address.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <stdexcept>

#include "host/base/text.hpp"

namespace dream::host::s3 {
namespace {

constexpr std::string_view scheme = "s3://";
constexpr char letters_and_digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::uint64_t least_part_mib = 5, most_part_mib = 1024;  // S3 takes no smaller ones

std::string environment(std::initializer_list<const char*> names) {
  for (const char* const name : names) {
    const char* const value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return "";
}

bool only(std::string_view text, std::string_view more) {
  for (const char c : text) {
    const bool plain = std::string_view(letters_and_digits).find(c) != std::string_view::npos;
    if (!plain && more.find(c) == std::string_view::npos) return false;
  }
  return true;
}

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw std::invalid_argument(fmt::format("{}: {}", text.substr(0, text.find('?')), why));
}

void check_bucket(std::string_view text, std::string_view bucket) {
  const bool sound = bucket.size() >= 3 && bucket.size() <= 63 && only(bucket, ".-") &&
                     only(bucket.substr(0, 1), "") && only(bucket.substr(bucket.size() - 1), "");
  if (!sound)
    refuse(text, fmt::format("'{}' is no name of a bucket: 3 to 63 of a-z, 0-9, '.' and '-', a "
                             "letter or digit at both ends",
                             bucket));
}

// Plain names alone: they mean the same to everybody who signs or stores them.
std::string folder_of(std::string_view text, std::string_view path) {
  std::string prefix;
  any_part(path, '/', [&](std::string_view part) {
    if (part.empty()) return false;
    if (!only(lower(part), "-_.") || part.find_first_not_of('.') == std::string_view::npos)
      refuse(text, fmt::format("'{}' in the prefix: use letters, digits, '-', '_' and '.'", part));
    prefix += std::string(part) + "/";
    return false;
  });
  return prefix;
}

std::string endpoint_of(std::string_view text, std::string value) {
  while (value.ends_with('/')) value.pop_back();
  const bool http = value.starts_with("http://") || value.starts_with("https://");
  const std::string_view host = http ? std::string_view(value).substr(value.find("//") + 2) : "";
  if (host.empty() || !only(lower(host), ".-:[]"))
    refuse(text, fmt::format("endpoint '{}' is not http://HOST[:PORT] or https://HOST[:PORT]",
                             value.find('@') == std::string::npos ? value : "…"));  // a password
  return value;
}

void set_parameter(Address& address, std::string_view text, std::string_view name,
                   std::string value) {
  if (name == "endpoint") {
    address.endpoint = endpoint_of(text, std::move(value));
  } else if (name == "region") {
    if (value.empty() || !only(value, "-"))
      refuse(text, fmt::format("region '{}' is no region: use a-z, 0-9 and '-'", value));
    address.region = std::move(value);
  } else if (name == "part_mib") {
    const auto mib = parse_number<std::uint64_t>(value);
    if (!mib || *mib < least_part_mib || *mib > most_part_mib)
      refuse(text, fmt::format("part_mib '{}' is not a number from {} to {}", value,
                               least_part_mib, most_part_mib));
    address.part_bytes = *mib << 20;
  } else {
    refuse(text, fmt::format("unknown parameter '{}': known are endpoint, region and part_mib",
                             name));
  }
}

}  // namespace

std::string Address::bucket_url() const {
  const bool dots = bucket.find('.') != std::string::npos;  // no certificate fits those
  if (!endpoint.empty()) return endpoint + "/" + bucket;
  const std::string host = fmt::format("s3.{}.amazonaws.com", region);
  return dots ? fmt::format("https://{}/{}", host, bucket)
              : fmt::format("https://{}.{}", bucket, host);
}

Address parse_address(std::string_view text) {
  if (!text.starts_with(scheme)) refuse(text, "expected s3://BUCKET/PREFIX?endpoint=…&region=…");
  std::string_view rest = text.substr(scheme.size());
  const std::size_t question = rest.find('?');
  const std::string_view path = rest.substr(0, question);
  const std::size_t slash = path.find('/');
  Address address;
  address.bucket = path.substr(0, slash);
  check_bucket(text, address.bucket);
  if (slash != std::string_view::npos) address.prefix = folder_of(text, path.substr(slash));
  if (const auto region = environment({"AWS_REGION", "AWS_DEFAULT_REGION"}); !region.empty())
    set_parameter(address, text, "region", region);
  const auto endpoint = environment({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  if (!endpoint.empty()) set_parameter(address, text, "endpoint", endpoint);
  if (question == std::string_view::npos) return address;
  any_part(rest.substr(question + 1), '&', [&](std::string_view pair) {
    const std::size_t equals = pair.find('=');
    bool valid = true;
    const auto value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    if (!pair.empty())
      set_parameter(address, text, pair.substr(0, equals), percent_decode(value, valid));
    return false;
  });
  return address;
}

Credentials Credentials::from_environment() {
  Credentials credentials{environment({"AWS_ACCESS_KEY_ID"}),
                          environment({"AWS_SECRET_ACCESS_KEY"}),
                          environment({"AWS_SESSION_TOKEN"})};
  if (credentials.key_id.empty() || credentials.secret.empty())
    throw std::invalid_argument("blobs in s3:// need AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
                                "in the environment");
  return credentials;
}

}  // namespace dream::host::s3

// Where blobs lie in an S3-compatible store, and as whom: s3://BUCKET/PREFIX?endpoint=…&region=…
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dream::host::s3 {

struct Address {
  std::string bucket;
  std::string prefix;    // of every key; empty or "a/b/"
  std::string endpoint;  // "https://host[:port]" without a slash at its end; empty: Amazon's
  std::string region = "us-east-1";
  std::uint64_t part_bytes = 32U << 20;  // larger blobs go up in parts of this size

  // "https://host/bucket" or "https://bucket.host": what keys are appended to, behind a slash.
  std::string bucket_url() const;
  // As it was given, for messages.
  std::string text() const { return "s3://" + bucket + (prefix.empty() ? "" : "/" + prefix); }
};

// The parameters: endpoint (default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or Amazon's), region
// (default: AWS_REGION, AWS_DEFAULT_REGION, or us-east-1), part_mib (5 to 1024). Throws
// std::invalid_argument naming what is wrong and what is allowed.
Address parse_address(std::string_view text);

struct Credentials {
  std::string key_id;
  std::string secret;
  std::string session_token;  // of temporary ones; else empty

  // AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. Throws std::invalid_argument
  // when one of the first two is missing; the message shows no value.
  static Credentials from_environment();
};

}  // namespace dream::host::s3

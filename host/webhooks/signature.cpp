#include "host/webhooks/signature.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "host/base/base64.hpp"
#include "host/webhooks/hmac.hpp"

namespace dream::host {
namespace {

constexpr std::string_view prefix = "whsec_";
constexpr std::string_view spaces = " \t\r\n";
constexpr std::size_t most_text = 4096;  // eight secrets are well under it

// Verifiers take the standard alphabet alone, and one of them splits the secret at "_".
std::string decode(std::string_view secret, std::size_t number) {
  const auto refuse = [&](const std::string& problem) {
    throw std::invalid_argument(fmt::format("secret {} {}", number, problem));
  };
  if (!secret.starts_with(prefix)) refuse("does not begin with whsec_");
  secret.remove_prefix(prefix.size());
  if (secret.find_first_of("-_") != std::string_view::npos)
    refuse("has - or _ after whsec_: it must be base64 of the standard alphabet");
  const auto bytes = base64_decode(secret);
  if (!bytes) refuse("is not base64 after whsec_");
  if (bytes->size() < SigningKeys::least_bytes || bytes->size() > SigningKeys::most_bytes)
    refuse(fmt::format("has {} bytes: {} to {} are allowed", bytes->size(),
                       SigningKeys::least_bytes, SigningKeys::most_bytes));
  return *bytes;
}

}  // namespace

SigningKeys SigningKeys::parse(std::string_view text) {
  SigningKeys keys;
  while (true) {
    const std::size_t begin = text.find_first_not_of(spaces);
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    if (keys.keys_.size() == most_keys)
      throw std::invalid_argument(fmt::format("more than {} secrets", most_keys));
    const std::size_t end = std::min(text.find_first_of(spaces), text.size());
    keys.keys_.push_back(decode(text.substr(0, end), keys.keys_.size() + 1));
    text.remove_prefix(end);
  }
  if (keys.empty()) throw std::invalid_argument("no secret: one of the form whsec_… is needed");
  return keys;
}

SigningKeys SigningKeys::read(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(most_text + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (!stream.is_open() || stream.bad())
    throw std::invalid_argument(fmt::format("{}: {}", file, std::strerror(errno)));
  try {
    if (text.size() > most_text) throw std::invalid_argument("is too long to hold secrets");
    return parse(text);
  } catch (const std::invalid_argument& problem) {
    throw std::invalid_argument(fmt::format("{}: {}", file, problem.what()));
  }
}

std::string SigningKeys::sign(std::string_view id, std::chrono::seconds unix_time,
                              std::string_view body) const {
  const std::string text = fmt::format("{}.{}.{}", id, unix_time.count(), body);
  std::string signatures;
  for (const auto& key : keys_) {
    if (!signatures.empty()) signatures += ' ';
    signatures += "v1," + base64_encode(hmac_sha256(key, text));
  }
  return signatures;
}

}  // namespace dream::host

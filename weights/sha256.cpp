#include "weights/sha256.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <vector>

#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

// FIPS 180-4, section 4.2.2.
constexpr std::uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

std::uint32_t read_word(const std::byte* at) {
  std::uint32_t word = 0;
  for (int i = 0; i < 4; ++i) word = word << 8 | std::to_integer<std::uint32_t>(at[i]);
  return word;
}

}  // namespace

// FIPS 180-4, section 6.2.2.
void Sha256::block(const std::byte* data) {
  std::uint32_t words[64];
  for (int i = 0; i < 16; ++i) words[i] = read_word(data + 4 * i);
  for (int i = 16; i < 64; ++i) {
    const auto a = words[i - 15], b = words[i - 2];
    const auto low = std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3;
    const auto high = std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10;
    words[i] = words[i - 16] + low + words[i - 7] + high;
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (int i = 0; i < 64; ++i) {
    const auto high = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const auto first = h + high + ((e & f) ^ (~e & g)) + constants[i] + words[i];
    const auto low = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const auto second = low + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
  }
  const std::uint32_t done[] = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < state_.size(); ++i) state_[i] += done[i];
}

void Sha256::update(std::span<const std::byte> data) {
  const std::size_t held = bytes_ % pending_.size();
  bytes_ += data.size();
  if (held != 0) {
    const auto taken = std::min(data.size(), pending_.size() - held);
    std::copy_n(data.begin(), taken, pending_.begin() + held);
    data = data.subspan(taken);
    if (held + taken < pending_.size()) return;
    block(pending_.data());
  }
  for (; data.size() >= pending_.size(); data = data.subspan(pending_.size())) block(data.data());
  std::copy(data.begin(), data.end(), pending_.begin());
}

std::string Sha256::finish() {
  const std::uint64_t bits = bytes_ * 8;
  std::array<std::byte, 72> padding{std::byte{0x80}};
  const std::size_t zeros = (119 - bytes_ % 64) % 64;
  for (int i = 0; i < 8; ++i) padding[1 + zeros + i] = static_cast<std::byte>(bits >> (56 - 8 * i));
  update(std::span(padding).first(1 + zeros + 8));
  std::string digest;
  for (const auto word : state_) digest += fmt::format("{:08x}", word);
  return digest;
}

std::string sha256_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(fmt::format("{}: cannot be opened", path.string()));
  Sha256 digest;
  std::vector<char> buffer(1 << 18);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    digest.update(std::as_bytes(std::span(buffer)).first(static_cast<std::size_t>(file.gcount())));
  }
  if (file.bad()) throw Error(fmt::format("{}: cannot be read", path.string()));
  return digest.finish();
}

}  // namespace dream::weights

// Decompression of deflate streams (RFC 1951), so that weight files some tool has zipped again can
// be read without another library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <vector>

namespace dream::weights {

// What a damaged stream, or one of another size than announced, throws; the caller adds the name.
struct InflateError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The content of a raw deflate stream that must be exactly `plain_bytes` long. Memory use is
// plain_bytes, which the caller has bounded. Throws InflateError.
std::vector<std::byte> inflate(std::span<const std::byte> data, std::size_t plain_bytes);

// The same, piece by piece to `take`: memory use does not grow with the content. What was given
// before a throw is not to be trusted.
void inflate(std::span<const std::byte> data, std::uint64_t plain_bytes,
             const std::function<void(std::span<const std::byte>)>& take);

}  // namespace dream::weights

// SHA-256 (FIPS 180-4): the digest that names a weight file's content, wherever the file lies.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace dream::weights {

class Sha256 {
 public:
  void update(std::span<const std::byte> data);
  // 64 lower-case hexadecimal digits of all that was given. Ends the use of the object.
  std::string finish();

 private:
  void block(const std::byte* data);

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> pending_{};
  std::uint64_t bytes_ = 0;
};

// Of a whole file. Throws Error that names the path when it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace dream::weights

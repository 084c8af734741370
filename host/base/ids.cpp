#include "host/base/ids.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace dream::host {

std::string new_id() {
  constexpr char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  constexpr std::size_t length = 26;
  std::array<unsigned char, length> random;
  const ssize_t got = ::getrandom(random.data(), random.size(), 0);
  if (got != static_cast<ssize_t>(random.size()))
    throw std::system_error(got < 0 ? errno : EIO, std::generic_category(), "getrandom");
  std::string id(length, '\0');
  for (std::size_t i = 0; i < length; ++i) id[i] = alphabet[random[i] & 31U];
  return id;
}

}  // namespace dream::host

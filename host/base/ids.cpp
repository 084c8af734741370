#include "host/base/ids.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace dream::host {

std::string new_id() {
  constexpr char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  constexpr std::size_t length = 26;
  // getrandom() gives up to 256 bytes without a break; 5 bits of each are used.
  thread_local std::array<unsigned char, 9 * length> random;
  thread_local std::size_t used = random.size();
  if (used == random.size()) {
    const ssize_t got = ::getrandom(random.data(), random.size(), 0);
    if (got != static_cast<ssize_t>(random.size()))
      throw std::system_error(got < 0 ? errno : EIO, std::generic_category(), "getrandom");
    used = 0;
  }
  std::string id(length, '\0');
  for (char& c : id) c = alphabet[random[used++] & 31U];
  return id;
}

}  // namespace dream::host

#include "host/base/ids.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace dream::host {

std::string new_id() {
  constexpr char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<unsigned char, 26> random{};  // 5 bits of each byte are used
  const ssize_t got = ::getrandom(random.data(), random.size(), 0);
  if (got != static_cast<ssize_t>(random.size()))
    throw std::system_error(got < 0 ? errno : EIO, std::generic_category(), "getrandom");
  std::string id;
  for (const unsigned char byte : random) id.push_back(alphabet[byte & 31U]);
  return id;
}

}  // namespace dream::host

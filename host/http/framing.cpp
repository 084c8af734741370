#include "host/http/framing.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <string_view>

#include "host/base/text.hpp"

namespace dream::host {
namespace {

constexpr std::string_view length_name = "Content-Length";
constexpr std::string_view ignored_name = "Ignored-Length";
static_assert(length_name.size() == ignored_name.size());

struct Framing {
  std::size_t lengths = 0;
  std::size_t encodings = 0;
  std::size_t length_at = 0;
  bool is_chunked = false;
};

void look_at(std::string_view line, std::size_t at, Framing& framing) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view name = line.substr(0, colon);
  if (boost::beast::iequals(name, length_name)) {
    ++framing.lengths;
    framing.length_at = at;
  } else if (boost::beast::iequals(name, "Transfer-Encoding")) {
    ++framing.encodings;
    framing.is_chunked = boost::beast::iequals(trimmed(line.substr(colon + 1), " \t"), "chunked");
  }
}

}  // namespace

bool prefer_chunks(std::span<char> bytes) {
  const std::string_view text(bytes.data(), bytes.size());
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return false;
  Framing framing;
  for (std::size_t at = 0; at < end;) {
    const std::size_t next = std::min(text.find("\r\n", at), end);
    look_at(text.substr(at, next - at), at, framing);
    at = next + 2;
  }
  if (framing.lengths != 1 || framing.encodings != 1 || !framing.is_chunked) return false;
  std::ranges::copy(ignored_name, bytes.begin() + static_cast<std::ptrdiff_t>(framing.length_at));
  return true;
}

}  // namespace dream::host

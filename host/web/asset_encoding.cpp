#include "host/web/asset_encoding.hpp"

#include <zlib.h>

#include <stdexcept>

#include "host/base/text.hpp"
#include "host/http/message.hpp"

namespace dream::host {
namespace {

constexpr std::string_view spaces = " \t";

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  bool accepts = false;  // by "*", as long as gzip itself is not named
  any_part(accept_encoding, ',', [&](std::string_view part) {
    const std::string_view coding = trimmed(part.substr(0, part.find(';')), spaces);
    const bool named = coding == "gzip" || coding == "x-gzip";
    if (named || coding == "*") accepts = quality_of(part) > 0;
    return named;
  });
  return accepts;
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  constexpr int window_bits_with_gzip_header = 15 + 16;
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, window_bits_with_gzip_header, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("gzip: zlib cannot start");
  }
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) throw std::runtime_error("gzip: zlib failed");
  return out;
}

bool names_tag(std::string_view if_none_match, std::string_view tag) {
  return any_part(if_none_match, ',', [tag](std::string_view part) {
    part = trimmed(part, spaces);
    if (part == "*") return true;
    if (part.starts_with("W/")) part.remove_prefix(2);
    return part.size() >= 2 && part.front() == '"' && part.back() == '"' &&
           part.substr(1, part.size() - 2) == tag;
  });
}

}  // namespace dream::host

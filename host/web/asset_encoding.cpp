#include "host/web/asset_encoding.hpp"

#include <zlib.h>

#include <charconv>
#include <stdexcept>

namespace dream::host {
namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// Cuts the next part of a comma-separated list off its front.
std::string_view next_part(std::string_view& list) {
  const std::size_t comma = list.find(',');
  const std::string_view part = trimmed(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return part;
}

double weight_of(std::string_view part) {
  const std::size_t q = part.find("q=");
  double weight = 1;
  if (q != std::string_view::npos)
    std::from_chars(part.data() + q + 2, part.data() + part.size(), weight);
  return weight;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  bool any = false;
  while (!accept_encoding.empty()) {
    const std::string_view part = next_part(accept_encoding);
    const std::string_view coding = trimmed(part.substr(0, part.find(';')));
    if (coding == "gzip" || coding == "x-gzip") return weight_of(part) > 0;
    if (coding == "*") any = weight_of(part) > 0;
  }
  return any;
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
  while (!if_none_match.empty()) {
    std::string_view part = next_part(if_none_match);
    if (part == "*") return true;
    if (part.starts_with("W/")) part.remove_prefix(2);
    if (part.size() >= 2 && part.front() == '"' && part.back() == '"' &&
        part.substr(1, part.size() - 2) == tag)
      return true;
  }
  return false;
}

}  // namespace dream::host

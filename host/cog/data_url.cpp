#include "host/cog/data_url.hpp"

#include <fstream>
#include <stdexcept>

#include "host/base/base64.hpp"

namespace dream::host {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Bytes of percent-encoded text; a broken escape stands for itself, as in Python's unquote.
std::string unquote(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size();
    const int high = escape ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) {
      bytes += text[i];
      continue;
    }
    bytes += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return bytes;
}

}  // namespace

bool is_data_url(std::string_view text) {
  return equal_ignoring_case(text.substr(0, 5), "data:");
}

DataUrl parse_data_url(std::string_view url) {
  if (!is_data_url(url)) throw std::invalid_argument("not a data URL");
  url.remove_prefix(5);
  const std::size_t comma = url.find(',');
  if (comma == std::string_view::npos) {
    throw std::invalid_argument("the data URL has no ',' between its media type and its data");
  }
  std::string_view header = url.substr(0, comma);
  const std::string_view data = url.substr(comma + 1);

  const std::size_t last = header.rfind(';');
  const std::string_view flag = last == std::string_view::npos ? "" : trim(header.substr(last + 1));
  const bool base64 = equal_ignoring_case(flag, "base64");
  const std::string_view type = trim(header.substr(0, header.find(';')));

  DataUrl result;
  result.media_type = type.empty() ? std::string("text/plain") : std::string(type);
  if (!base64) {
    result.bytes = unquote(data);
    return result;
  }
  const bool escaped = data.find('%') != std::string_view::npos;  // "%3D" for "="
  auto bytes = escaped ? base64_decode(unquote(data)) : base64_decode(data);
  if (!bytes) throw std::invalid_argument("the data URL's data is not valid base64");
  result.bytes = std::move(*bytes);
  return result;
}

std::string file_to_data_url(const std::filesystem::path& file, std::string_view media_type) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  std::string bytes(stream ? static_cast<std::size_t>(stream.tellg()) : 0, '\0');
  stream.seekg(0);
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!stream) throw std::runtime_error("cannot read " + file.filename().string());
  std::string url = "data:";
  url += media_type.empty() ? std::string_view("application/octet-stream") : media_type;
  url += ";base64,";
  url += base64_encode(bytes);
  return url;
}

}  // namespace dream::host

#include "host/http/message.hpp"

#include <algorithm>
#include <array>

namespace dream::host {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Length of the UTF-8 sequence at `text`, 0 if it is not one (overlong forms and surrogates too).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool surrogate = lead == 0xED && byte(1) > 0x9F;
  const bool beyond = lead == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || beyond ? 0 : size;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = sequence_length(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace

const std::string* Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (std::equal(key.begin(), key.end(), name.begin(), name.end(),
                   [](char a, char b) { return lower(a) == lower(b); })) {
      return &value;
    }
  }
  return nullptr;
}

void Exchange::respond(Response response) {
  if (answered_ || gone_) return;
  answered_ = true;
  response_ = std::move(response);
  on_disconnect_ = nullptr;
  if (on_response_) on_response_();
}

void Exchange::disconnect() {
  if (answered_ || gone_) return;
  gone_ = true;
  if (auto callback = std::exchange(on_disconnect_, nullptr)) callback();
}

std::string_view reason_phrase(int status) {
  using Entry = std::pair<int, std::string_view>;
  static constexpr std::array<Entry, 18> phrases{{{200, "OK"},
                                                  {202, "Accepted"},
                                                  {302, "Found"},
                                                  {307, "Temporary Redirect"},
                                                  {400, "Bad Request"},
                                                  {404, "Not Found"},
                                                  {405, "Method Not Allowed"},
                                                  {406, "Not Acceptable"},
                                                  {408, "Request Timeout"},
                                                  {409, "Conflict"},
                                                  {413, "Payload Too Large"},
                                                  {415, "Unsupported Media Type"},
                                                  {417, "Expectation Failed"},
                                                  {422, "Unprocessable Entity"},
                                                  {429, "Too Many Requests"},
                                                  {431, "Request Header Fields Too Large"},
                                                  {500, "Internal Server Error"},
                                                  {503, "Service Unavailable"}}};
  for (const auto& [code, phrase] : phrases) {
    if (code == status) return phrase;
  }
  return "Unknown";
}

std::string percent_decode(std::string_view text, bool& valid) {
  std::string out;
  out.reserve(text.size());
  valid = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) {
      out += '%';  // a lone percent sign stands for itself, as servers commonly take it
      continue;
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (!is_utf8(out)) valid = false;
  return out;
}

}  // namespace dream::host

#include "host/platform/paging.hpp"

#include <time.h>

#include <algorithm>

#include "host/base/base64.hpp"
#include "host/base/text.hpp"

namespace dream::host {
namespace {

// RFC 3339: date, 'T', time, perhaps a fraction, and 'Z' or an offset.
std::optional<Micros> time_of(const std::string& text) {
  tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  Micros micros = static_cast<Micros>(::timegm(&parts)) * 1'000'000;
  std::string_view zone(rest);
  if (zone.starts_with('.')) {
    const std::size_t end = std::min(zone.find_first_not_of("0123456789", 1), zone.size());
    const auto fraction = parse_number<Micros>(
        std::string(zone.substr(1, end - 1)).append(6, '0').substr(0, 6));
    if (end == 1 || !fraction) return std::nullopt;
    micros += *fraction;
    zone.remove_prefix(end);
  }
  if (zone == "Z" || zone == "z") return micros;
  const bool is_offset =
      zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':';
  const auto hours = is_offset ? parse_number<int>(zone.substr(1, 2)) : std::nullopt;
  const auto minutes = is_offset ? parse_number<int>(zone.substr(4, 2)) : std::nullopt;
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const Micros offset = (*hours * 60LL + *minutes) * 60'000'000;
  return zone[0] == '+' ? micros - offset : micros + offset;
}

}  // namespace

std::string query_of(const Request& request, std::string_view name) {
  std::string value;
  any_part(request.query, '&', [&](std::string_view part) {
    const std::size_t equals = part.find('=');
    if (part.substr(0, equals) != name || equals == std::string_view::npos) return false;
    bool valid = true;
    value = percent_decode(part.substr(equals + 1), valid);
    if (!valid || value.find('\0') != std::string::npos)
      throw Refusal(422, fmt::format("{}: it is not a text in UTF-8", name), std::string(name));
    return true;
  });
  return value;
}

std::string cursor_text(const PageStart& place) {
  std::string text = base64_encode(fmt::format("{}.{}.{}", place.backwards ? "p" : "n",
                                               place.created_at, place.id));
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::optional<PageStart> read_cursor(const Request& request) {
  const std::string cursor = query_of(request, "cursor");
  if (cursor.empty()) return std::nullopt;
  const std::string text = base64_decode(cursor).value_or("");
  const std::size_t dot = text.find('.', 2);
  if ((text.starts_with("n.") || text.starts_with("p.")) && dot != std::string::npos) {
    const auto time = parse_number<Micros>(text.substr(2, dot - 2));
    const std::string id = text.substr(dot + 1);
    if (time && id.find('\0') == std::string::npos && valid_utf8(id) == id)
      return PageStart{*time, id, text[0] == 'p'};
  }
  throw Refusal(422, "cursor: it is not one of this list", "cursor");
}

std::string percent_encode(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    const auto byte = static_cast<unsigned char>(c);
    if (plain)
      encoded += c;
    else
      encoded.append({'%', digits[byte >> 4U], digits[byte & 15U]});
  }
  return encoded;
}

std::optional<Micros> query_time(const Request& request, std::string_view name) {
  const std::string text = query_of(request, name);
  if (text.empty()) return std::nullopt;
  const auto time = time_of(text);
  if (!time)
    throw Refusal(422,
                  fmt::format("{}: '{}' is not a time such as 2026-01-31T12:00:00Z", name, text),
                  std::string(name));
  return *time;
}

}  // namespace dream::host

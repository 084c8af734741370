#include "host/predictions/duration.hpp"

#include <charconv>

namespace dream::host {

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  using std::chrono::seconds;
  constexpr seconds longest = std::chrono::hours(24 * 366);
  struct Unit {
    char letter;
    std::int64_t seconds;
  };
  seconds total{0};
  const char* at = text.data();
  const char* const end = at + text.size();
  bool any = false;
  for (const Unit unit : {Unit{'h', 3600}, Unit{'m', 60}, Unit{'s', 1}}) {
    if (at == end) break;
    std::int64_t count = 0;
    if (*at < '0' || *at > '9') return std::nullopt;
    const auto [after, error] = std::from_chars(at, end, count);
    if (error != std::errc() || count > longest.count()) return std::nullopt;
    const bool alone = !any && after == end;  // "90"
    if (!alone && (after == end || *after != unit.letter)) continue;
    total += seconds(count * (alone ? 1 : unit.seconds));
    at = alone ? end : after + 1;
    any = true;
  }
  if (!any || at != end || total > longest) return std::nullopt;
  return total;
}

}  // namespace dream::host

#include "host/cog/negotiation.hpp"

#include <charconv>

#include "host/base/text.hpp"

namespace dream::host {
namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// Calls visit(part) for the parts of a list; stops when it returns true, which is the result.
template <typename Visit>
bool any_part(std::string_view list, char separator, Visit visit) {
  while (true) {
    const std::size_t end = list.find(separator);
    if (visit(trimmed(list.substr(0, end)))) return true;
    if (end == std::string_view::npos) return false;
    list.remove_prefix(end + 1);
  }
}

// The weight that Accept gives a media type; 0 if it is not named.
double weight_of(std::string_view accept, std::string_view type) {
  double weight = 0;
  any_part(accept, ',', [&](std::string_view range) {
    if (trimmed(range.substr(0, range.find(';'))) != type) return false;
    weight = 1;
    const std::size_t q = range.find("q=");
    if (q != std::string_view::npos)
      std::from_chars(range.data() + q + 2, range.data() + range.size(), weight);
    return true;
  });
  return weight;
}

}  // namespace

std::string header_or_empty(const Request& request, std::string_view name) {
  const std::string* value = request.header(name);
  return value == nullptr ? "" : *value;
}

bool responds_async(const Request& request) {
  return header_or_empty(request, "prefer") == "respond-async";
}

bool wants_event_stream(const Request& request) {
  return any_part(header_or_empty(request, "accept"), ',', [](std::string_view part) {
    return part.substr(0, part.find(';')) == "text/event-stream";
  });
}

bool wants_page(const Request& request) {
  const std::string accept = header_or_empty(request, "accept");
  const double page = weight_of(accept, "text/html");
  return page > 0 && page >= weight_of(accept, "application/json");
}

bool read_extra_events(const Request& request, ExtraEvents& extras) {
  const bool wrong = any_part(request.query, '&', [&](std::string_view pair) {
    if (!pair.starts_with("events=")) return false;
    bool valid = true;
    const std::string names = percent_decode(pair.substr(7), valid);
    return !valid || !extras.add(names);
  });
  return !wrong;
}

}  // namespace dream::host

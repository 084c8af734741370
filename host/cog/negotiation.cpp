#include "host/cog/negotiation.hpp"

#include "host/base/text.hpp"

namespace dream::host {
namespace {

// The weight that Accept gives a media type; 0 if it is not named.
double weight_of(std::string_view accept, std::string_view type) {
  double weight = 0;
  any_part(accept, ',', [&](std::string_view range) {
    if (trimmed(range.substr(0, range.find(';'))) != type) return false;
    weight = quality_of(range);
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
    part = trimmed(part);
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
    pair = trimmed(pair);
    if (!pair.starts_with("events=")) return false;
    bool valid = true;
    const std::string names = percent_decode(pair.substr(7), valid);
    return !valid || !extras.add(names);
  });
  return !wrong;
}

}  // namespace dream::host

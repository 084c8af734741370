// What form of answer a request asks for in its headers and query.
#pragma once

#include <string>

#include "host/http/message.hpp"
#include "host/streams/feed.hpp"

namespace dream::host {

// `Prefer: respond-async`, exactly, as Cog compares it.
bool responds_async(const Request& request);

// Accept names text/event-stream. It beats Prefer.
bool wants_event_stream(const Request& request);

// Accept names text/html with a weight above 0 and no lower than that of application/json: a
// browser, not a program.
bool wants_page(const Request& request);

// The query's `events=progress,preview`. False for other events.
bool read_extra_events(const Request& request, ExtraEvents& extras);

// The header's value, or "".
std::string header_or_empty(const Request& request, std::string_view name);

}  // namespace dream::host

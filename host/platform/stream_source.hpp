// What there is to tell of a training or a prediction as server-sent events: asked for again and
// again, so that it does not matter which process works on it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "host/platform/platform_core.hpp"

namespace dream::host {

struct StreamNews {
  std::string events;
  bool ended = false;
};

// What is new since the last call. By one thread at a time; an exception changes nothing.
using StreamSource = std::function<StreamNews()>;

// One event. A text of several lines is several data lines. `place`: what Last-Event-ID tells of
// it later.
std::string stream_event(std::string_view name, const std::string& place, std::string_view data);
// The "error" and "done" behind which nothing follows. `reason`: "", "canceled", "error".
std::string last_events(const std::string& place, const std::string& reason,
                        const std::string& error);

// Of a Last-Event-ID, or of none (""), what was the place.
std::string place_of(const std::string& last_event_id);

// "logs" (text), "status" (JSON: status, steps), "error", "done".
StreamSource training_source(PlatformCore& core, const std::string& id, const std::string& place);
// "output" (a text, or JSON), "logs", "error", "done". `base`: how the client reaches us.
StreamSource prediction_source(PlatformCore& core, const std::string& id, const std::string& place,
                               const std::string& base);

}  // namespace dream::host

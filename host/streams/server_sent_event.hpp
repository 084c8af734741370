// One event of a text/event-stream, in Cog's form: a name, one line of JSON, no id.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace dream::host {

// "event: output\ndata: {…}\n\n". JSON has no line breaks of its own, so one data line holds it;
// invalid UTF-8 becomes U+FFFD.
std::string server_sent_event(std::string_view name, const nlohmann::json& data);

// A line that clients skip: it keeps proxies from closing a silent connection.
inline constexpr char keep_alive_comment[] = ": keep-alive\n\n";

}  // namespace dream::host

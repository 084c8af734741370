// The server log: spdlog's default logger on stderr, as text for people or one JSON object per line
// for collectors. stdout stays free for results.
#pragma once

#include <string>
#include <string_view>

namespace dream::host {

enum class LogFormat { text, json };

// `level`: debug, info, warning (or warn), error. Throws std::invalid_argument on any other.
void set_up_logging(LogFormat format, const std::string& level);

// What a line is about, as far as it is known: keys of their own in JSON, in text its beginning.
struct LogFields {
  std::string_view prediction = {};  // id
  std::string_view template_name = {};
  int worker = 0;  // process id
};

// Logs at a level given by its protocol name; an unknown name counts as info. `message` may hold
// any bytes: as JSON they are escaped, and what is no UTF-8 becomes U+FFFD.
void log_at(std::string_view level, std::string_view message, const LogFields& fields = {});

// Whether a line of this level comes out.
bool is_logged(std::string_view level);

}  // namespace dream::host

// The server log: spdlog's default logger on stderr, as text for people or one JSON object per line
// for collectors. stdout stays free for results.
#pragma once

#include <string>
#include <string_view>

namespace dream::host {

enum class LogFormat { text, json };

// `level`: debug, info, warning, error. Throws std::invalid_argument on any other.
void set_up_logging(LogFormat format, const std::string& level);

// Logs at a level given by its protocol name; an unknown name counts as info.
void log_at(std::string_view level, std::string_view message);

}  // namespace dream::host

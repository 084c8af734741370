#include "host/base/logging.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "host/base/time.hpp"

namespace dream::host {
namespace {

// spdlog's patterns do not escape, so JSON lines are built here.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto level = spdlog::level::to_string_view(message.level);
    const nlohmann::ordered_json line = {
        {"time", rfc3339(message.time)},
        {"level", std::string(level.data(), level.size())},
        {"message", std::string(message.payload.data(), message.payload.size())}};
    const std::string text =
        line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

spdlog::level::level_enum level_of(std::string_view name) {
  if (name == "debug") return spdlog::level::debug;
  if (name == "info") return spdlog::level::info;
  if (name == "warning" || name == "warn") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  return spdlog::level::off;
}

}  // namespace

void set_up_logging(LogFormat format, const std::string& level) {
  const auto wanted = level_of(level);
  if (wanted == spdlog::level::off)
    throw std::invalid_argument("log level '" + level +
                                "' is not one of debug, info, warning, error");
  auto logger = std::make_shared<spdlog::logger>(
      "dream", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  if (format == LogFormat::json)
    logger->set_formatter(std::make_unique<JsonFormatter>());
  else
    logger->set_pattern("%H:%M:%S.%e %^%-7l%$ %v");
  logger->set_level(wanted);
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void log_at(std::string_view level, std::string_view message) {
  const auto known = level_of(level);
  spdlog::log(known == spdlog::level::off ? spdlog::level::info : known, "{}", message);
}

}  // namespace dream::host

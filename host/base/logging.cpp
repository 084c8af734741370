#include "host/base/logging.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "host/base/time.hpp"

namespace dream::host {
namespace {

using nlohmann::ordered_json;

// Of the line that this thread is logging: the logger formats before it returns, and has no place
// for more than a text.
thread_local const LogFields* current = nullptr;

std::string dumped(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

// spdlog's patterns do not escape, so JSON lines are built here.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto level = spdlog::level::to_string_view(message.level);
    ordered_json line = {{"time", rfc3339_ms(message.time)},
                         {"level", std::string(level.data(), level.size())},
                         {"message", std::string(message.payload.data(), message.payload.size())}};
    if (current != nullptr) {
      if (!current->prediction.empty()) line["prediction"] = current->prediction;
      if (!current->template_name.empty()) line["template"] = current->template_name;
      if (current->worker > 0) line["worker"] = current->worker;
    }
    const std::string text = dumped(line) + '\n';
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

// `%*`: what the line is about. An id is the client's: quoted, so that it stays one word in a line.
class FieldsFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg&, const std::tm&, spdlog::memory_buf_t& out) override {
    if (current == nullptr) return;
    std::string text;
    if (!current->prediction.empty())
      text = "prediction " + dumped(ordered_json(current->prediction)) + ": ";
    else if (current->worker > 0)
      text = "worker " + std::to_string(current->worker) + ": ";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<FieldsFlag>();
  }
};

std::unique_ptr<spdlog::formatter> formatter_of(LogFormat format) {
  if (format == LogFormat::json) return std::make_unique<JsonFormatter>();
  auto text = std::make_unique<spdlog::pattern_formatter>();
  text->add_flag<FieldsFlag>('*').set_pattern("%H:%M:%S.%e %^%-7l%$ %*%v");
  return text;
}

spdlog::level::level_enum level_of(std::string_view name) {
  if (name == "debug") return spdlog::level::debug;
  if (name == "info") return spdlog::level::info;
  if (name == "warning" || name == "warn") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  return spdlog::level::off;
}

spdlog::level::level_enum level_or_info(std::string_view name) {
  const auto known = level_of(name);
  return known == spdlog::level::off ? spdlog::level::info : known;
}

}  // namespace

void set_up_logging(LogFormat format, const std::string& level) {
  const auto wanted = level_of(level);
  if (wanted == spdlog::level::off)
    throw std::invalid_argument("log level '" + level +
                                "' is not one of debug, info, warning, error");
  auto logger = std::make_shared<spdlog::logger>(
      "dream", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_formatter(formatter_of(format));
  logger->set_level(wanted);
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void log_at(std::string_view level, std::string_view message, const LogFields& fields) {
  current = &fields;
  spdlog::log(level_or_info(level), "{}", message);
  current = nullptr;
}

bool is_logged(std::string_view level) {
  return spdlog::should_log(level_or_info(level));
}

}  // namespace dream::host

// Run: one prediction as the template sees it: outputs, logs, metrics, progress and cancel.
#pragma once

#include <dream/abi/run.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <dream/host.hpp>
#include <dream/image.hpp>
#include <dream/interface.hpp>
#include <dream/value.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace dream {

enum class LogLevel : uint32_t {
  debug = DREAM_LOG_DEBUG,
  info = DREAM_LOG_INFO,
  warning = DREAM_LOG_WARNING,
  error = DREAM_LOG_ERROR
};

enum class MetricMode : uint32_t {
  replace = DREAM_METRIC_REPLACE,
  increment = DREAM_METRIC_INCREMENT,
  append = DREAM_METRIC_APPEND
};

namespace detail {

// The interfaces a run needs, asked for once per template.
struct RunInterfaces {
  explicit RunInterfaces(const dream_host* host)
      : run(host, DREAM_RUN_1), log(host, DREAM_LOG_1), metric(host, DREAM_METRIC_1) {}
  Interface<dream_run_1> run;
  Interface<dream_log_1> log;
  Interface<dream_metric_1> metric;
};

struct RunAccess;

}  // namespace detail

// Valid during run() only. Every function may be called from any thread.
class Run {
 public:
  Run(const detail::RunInterfaces& api, dream_run* handle) : api_(api), handle_(handle) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // Publishes one output value; its type must be the declared one. Throws InvalidInput otherwise.
  void emit(std::string_view text) { emit_value(detail::make_value(text)); }
  template <detail::PlainScalar Value>
  void emit(const Value& value) {
    emit_value(detail::make_value(value));
  }
  // Publishes a file, under its own name or `name` (no folders). The host takes the file over.
  void emit(const File& file) {
    const std::size_t slash = file.path.rfind('/');
    emit(file, std::string_view(file.path).substr(slash == std::string::npos ? 0 : slash + 1));
  }
  void emit(const File& file, std::string_view name) {
    check(api_.run.get(&dream_run_1::emit_file, "emit_file")(
        handle_, detail::view(std::string_view(file.path)), detail::view(name)));
  }
  // Publishes a picture as the file `name` (no folders), whose end says the format: .png, .jpg,
  // .jpeg or .webp. quality: 1 to 100, not for png. Throws InvalidInput for another name.
  void emit(const Image& image, std::string_view name, uint32_t quality = 95) {
    if (name.find('/') != std::string_view::npos) {
      throw InvalidInput("an output's name has no folders: \"" + std::string(name) + "\"");
    }
    const File file{temp_folder() + "/" + std::string(name)};
    image.encode(file.path, quality);
    emit(file, name);
  }
  void emit(const Secret&) = delete;  // a secret is not an output

  // One message of this prediction, without a final newline.
  void log(LogLevel level, std::string_view message) {
    const auto log = api_.log.find(&dream_log_1::log);  // a host without logs is no failure
    if (log != nullptr) {
      log(api_.log.host(), handle_, static_cast<uint32_t>(level), detail::view(message));
    }
  }
  void debug(std::string_view message) { log(LogLevel::debug, message); }
  void info(std::string_view message) { log(LogLevel::info, message); }
  void warning(std::string_view message) { log(LogLevel::warning, message); }
  void error(std::string_view message) { log(LogLevel::error, message); }

  // Records a metric; dots in the name nest. Throws InvalidInput that says which naming rule of Cog
  // was broken.
  void metric(std::string_view name, std::string_view text, MetricMode mode = MetricMode::replace) {
    record(name, detail::make_value(text), mode);
  }
  template <detail::PlainScalar Value>
  void metric(std::string_view name, const Value& value, MetricMode mode = MetricMode::replace) {
    record(name, detail::make_value(value), mode);
  }
  // Deletes a metric.
  void remove_metric(std::string_view name) {
    dream_value null{};
    null.struct_size = sizeof null;
    record(name, null, MetricMode::replace);
  }

  // `step` of `steps` is done. The label is optional.
  void progress(uint64_t step, uint64_t steps, std::string_view label = {}) {
    api_.run.get(&dream_run_1::progress, "progress")(handle_, step, steps, detail::view(label));
  }

  // Throws Canceled once the prediction was canceled. Cheap; call it in every loop.
  void checkpoint() { check(api_.run.get(&dream_run_1::checkpoint, "checkpoint")(handle_)); }

  // An empty folder for this run alone; the host removes it afterwards.
  std::string temp_folder() {
    return std::string(
        detail::view(api_.run.get(&dream_run_1::temp_folder, "temp_folder")(handle_)));
  }

  // For the functions that ask the host: Image::decode(run, file), Tensor::zeros(run, {1, 4}), …
  operator Host() const noexcept { return Host(api_.run.host()); }

  // The prediction's id, for messages.
  std::string id() {
    return std::string(detail::view(api_.run.get(&dream_run_1::id, "id")(handle_)));
  }

  // What the sender of the request said beside its inputs (Cog's `context`), if there is a text of
  // this name. A host whose SDK is older than 1.2 tells none.
  std::optional<std::string> context(std::string_view name) {
    const auto find = api_.run.find(&dream_run_1::context);
    const dream_str text = find == nullptr ? dream_str{} : find(handle_, detail::view(name));
    if (text.data == nullptr) return std::nullopt;
    return std::string(detail::view(text));
  }

 private:
  friend struct detail::RunAccess;

  void check(dream_status* status) { detail::check(api_.run.host(), status); }
  void emit_value(const dream_value& value) {
    check(api_.run.get(&dream_run_1::emit, "emit")(handle_, &value));
  }
  void record(std::string_view name, const dream_value& value, MetricMode mode) {
    check(api_.metric.get(&dream_metric_1::record, "record")(handle_, detail::view(name), &value,
                                                             static_cast<uint32_t>(mode)));
  }

  const detail::RunInterfaces& api_;
  dream_run* handle_;
};

namespace detail {

struct RunAccess {
  static dream_run* handle(Run& run) noexcept { return run.handle_; }
};

}  // namespace detail
}  // namespace dream

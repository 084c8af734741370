#include "host/workers/slot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "host/base/logging.hpp"
#include "host/base/mime.hpp"

namespace dream::host {
namespace {

constexpr std::int64_t most_cancel_limit_s = 600;

LogSource source_of(const std::string& level) {
  return level == "warning" || level == "error" ? LogSource::standard_error
                                                : LogSource::standard_output;
}

// What a value takes in memory, roughly. No recursion: values come as deep as they like.
std::uint64_t footprint(const nlohmann::json& value) {
  constexpr std::uint64_t node_bytes = 32;
  std::uint64_t bytes = 0;
  std::vector<const nlohmann::json*> rest{&value};
  while (!rest.empty()) {
    const nlohmann::json& next = *rest.back();
    rest.pop_back();
    bytes += node_bytes;
    if (next.is_string()) bytes += next.get_ref<const std::string&>().size();
    if (next.is_object())
      for (auto item = next.begin(); item != next.end(); ++item) {
        bytes += item.key().size() + node_bytes;
        rest.push_back(&item.value());
      }
    if (next.is_array())
      for (const auto& item : next) rest.push_back(&item);
  }
  return bytes;
}

}  // namespace

void Slot::begin(std::shared_ptr<Prediction> prediction) {
  release();
  ++run_number_;
  taken_ = true;
  run_ = std::make_shared<int>();
  prediction_ = std::move(prediction);
}

Slot::Said Slot::on_message(const nlohmann::json& message) {
  const auto type = message.at("type").get<std::string>();
  if (prediction_ == nullptr || outcome_) {
    log_at("warning", "a worker sent '" + type + "' for a run that is over");
    return Said::news;
  }
  const auto prediction = prediction_;  // an observer may end the run
  if (type == "log") {
    const auto level = message.value("level", "info");
    const auto text = message.at("message").get<std::string>();
    if (level == "debug")
      log_at(level, prediction->snapshot().id + ": " + text);
    else
      prediction->log(text, source_of(level));
  } else if (type == "output") {
    return on_output(message);
  } else if (type == "dropped_logs") {
    prediction->drop_logs(message.at("lines").get<std::uint64_t>());
  } else if (type == "progress") {
    prediction->progress({message.at("step"), message.at("steps"), message.value("elapsed_s", 0.0),
                          message.value("label", "")});
  } else if (type == "metric") {
    prediction->metric(message.at("name").get<std::string>(), message.at("value"),
                       message.value("mode", "replace"));
  } else if (type == "preview") {
    prediction->preview({message.value("picture", std::uint64_t{0}), message.at("step"),
                         message.at("steps"), message.at("image").get<std::string>()});
  } else if (type == "cancel_limit") {
    const auto wanted = message.at("seconds").get<std::int64_t>();
    cancel_limit_ = std::chrono::seconds(std::clamp<std::int64_t>(wanted, 0, most_cancel_limit_s));
  } else if (type == "done") {
    on_done(message);
  } else {
    throw std::runtime_error("unknown message type '" + type + "' on a slot's channel");
  }
  return type == "done" ? Said::done : Said::news;
}

Slot::Said Slot::on_output(const nlohmann::json& message) {
  if (over_limit_) return Said::news;
  OutputItem item;
  if (!message.contains("path")) {
    item.value = message.at("value");
    value_bytes_ += footprint(item.value);
  }
  value_bytes_ += sizeof item;
  if (value_bytes_ > limits_.value_bytes)
    return refuse_output(
        fmt::format("the output is larger than {} MiB: what is so large belongs into a file",
                    limits_.value_bytes >> 20));
  if (!message.contains("path")) {
    prediction_->output(std::move(item));
    return Said::news;
  }
  item.path = message.at("path").get<std::string>();
  // A name is a name: a template cannot make a client write elsewhere.
  item.name = std::filesystem::path(message.value("name", "")).filename().string();
  if (item.name.empty() || item.name == "." || item.name == "..") item.name = item.path.filename();
  item.media_type = message.value("media_type", "");
  if (item.media_type.empty()) item.media_type = media_type_of(item.name);
  std::error_code error;
  if (!std::filesystem::is_regular_file(item.path, error)) {
    output_error_ = fmt::format("the output file '{}' does not exist", item.name);
    prediction_->log(output_error_, LogSource::standard_error);
    return Said::news;
  }
  const auto bytes = std::filesystem::file_size(item.path, error);
  if (limits_.file_bytes > 0 && bytes > limits_.file_bytes)
    return refuse_output(fmt::format("the output file '{}' has {} MiB, more than the {} MiB that "
                                     "this server hands out in an answer",
                                     item.name, bytes >> 20, limits_.file_bytes >> 20));
  prediction_->output(std::move(item));
  return Said::news;
}

Slot::Said Slot::refuse_output(const std::string& why) {
  over_limit_ = true;
  output_error_ = why;
  return Said::too_much;
}

void Slot::request_cancel(const Outcome& outcome) {
  cancel_requested_ = true;
  cancel_outcome_ = outcome;
}

void Slot::on_done(const nlohmann::json& message) {
  const auto status = message.at("status").get<std::string>();
  Outcome outcome{Status::failed, message.value("error", ""), message.value("bad_input", false)};
  if (status == "succeeded" && output_error_.empty())
    outcome = {Status::succeeded, {}};
  else if (status == "succeeded")
    outcome.error = output_error_;
  else if (status == "canceled")
    outcome = cancel_requested_ ? cancel_outcome_ : Outcome{Status::canceled};
  else if (status != "failed")
    throw std::runtime_error("unknown status '" + status + "' in done");
  else if (outcome.error.empty())
    outcome.error = "the template failed without saying why";
  outcome_ = std::move(outcome);
}

void Slot::limit(std::chrono::milliseconds limit, std::function<void()> action) {
  timer_.expires_after(limit);
  timer_.async_wait([action = std::move(action), run = std::weak_ptr(run_)](const auto& error) {
    if (!error && !run.expired()) action();
  });
}

Slot::Ended Slot::take_prediction(const Outcome& otherwise) {
  return {std::exchange(prediction_, nullptr), outcome_.value_or(otherwise)};
}

void Slot::release() {
  timer_.cancel();
  prediction_ = nullptr;
  outcome_.reset();
  cancel_limit_.reset();
  output_error_.clear();
  value_bytes_ = 0;
  taken_ = cancel_requested_ = over_limit_ = false;
  run_.reset();
}

}  // namespace dream::host

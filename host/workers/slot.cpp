#include "host/workers/slot.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "host/base/logging.hpp"
#include "host/base/mime.hpp"

namespace dream::host {

namespace {

LogSource source_of(const std::string& level) {
  return level == "warning" || level == "error" ? LogSource::standard_error
                                                : LogSource::standard_output;
}

}  // namespace

void end_prediction(Prediction& prediction, const Outcome& outcome) {
  switch (outcome.status) {
    case Status::succeeded:
      return prediction.succeed();
    case Status::canceled:
      return prediction.cancel();
    default:
      return prediction.fail(outcome.error, outcome.bad_input);
  }
}

void Slot::begin(std::shared_ptr<Prediction> prediction) {
  release();
  taken_ = true;
  run_ = std::make_shared<int>();
  prediction_ = std::move(prediction);
}

bool Slot::on_message(const nlohmann::json& message) {
  const auto type = message.at("type").get<std::string>();
  if (prediction_ == nullptr || outcome_) {
    log_at("warning", "a worker sent '" + type + "' for a run that is over");
    return false;
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
    on_output(message);
  } else if (type == "progress") {
    prediction->progress({message.at("step"), message.at("steps"), message.value("elapsed_s", 0.0),
                          message.value("label", "")});
  } else if (type == "metric") {
    prediction->metric(message.at("name").get<std::string>(), message.at("value"),
                       message.value("mode", "replace"));
  } else if (type == "preview") {
    prediction->preview({message.value("picture", std::uint64_t{0}), message.at("step"),
                         message.at("steps"), message.at("image").get<std::string>()});
  } else if (type == "done") {
    on_done(message);
  } else {
    throw std::runtime_error("unknown message type '" + type + "' on a slot's channel");
  }
  return type == "done";
}

void Slot::on_output(const nlohmann::json& message) {
  OutputItem item;
  if (!message.contains("path")) {
    item.value = message.at("value");
    return prediction_->output(std::move(item));
  }
  item.path = message.at("path").get<std::string>();
  // A name is a name: a template cannot make a client write elsewhere.
  item.name = std::filesystem::path(message.value("name", "")).filename().string();
  if (item.name.empty() || item.name == "." || item.name == "..") item.name = item.path.filename();
  item.media_type = message.value("media_type", "");
  if (item.media_type.empty()) item.media_type = media_type_of(item.name);
  std::error_code error;
  if (std::filesystem::is_regular_file(item.path, error))
    return prediction_->output(std::move(item));
  output_error_ = fmt::format("the output file '{}' does not exist", item.name);
  prediction_->log(output_error_, LogSource::standard_error);
}

void Slot::on_done(const nlohmann::json& message) {
  const auto status = message.at("status").get<std::string>();
  Outcome outcome{Status::failed, message.value("error", ""), message.value("bad_input", false)};
  if (status == "succeeded" && output_error_.empty())
    outcome = {Status::succeeded, {}};
  else if (status == "succeeded")
    outcome.error = output_error_;
  else if (status == "canceled")
    outcome = {Status::canceled, {}};
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
  output_error_.clear();
  taken_ = idle_ = cancel_requested_ = false;
  run_.reset();
}

}  // namespace dream::host

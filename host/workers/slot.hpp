// One slot of a worker: which prediction runs there, and how the worker's messages change it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/predictions/prediction.hpp"

namespace dream::host {

// How a run ended.
struct Outcome {
  Status status = Status::failed;
  std::string error = {};
  bool bad_input = false;
};

void end_prediction(Prediction& prediction, const Outcome& outcome);

// A run is over when the worker has said both `done` (on the slot's channel) and `idle` (on the
// control channel), in whichever order they are read.
class Slot {
 public:
  explicit Slot(boost::asio::io_context& io) : timer_(io) {}

  bool is_free() const { return !taken_; }
  // The running prediction, or null; null as well for a slot that is only waiting for its `idle`.
  const std::shared_ptr<Prediction>& prediction() const { return prediction_; }
  bool cancel_requested() const { return cancel_requested_; }
  bool over() const { return outcome_.has_value() && idle_; }
  bool half_over() const { return taken_ && outcome_.has_value() != idle_; }

  void begin(std::shared_ptr<Prediction> prediction);
  // A message of the slot's channel; true if it was `done`. Throws std::exception if it breaks the
  // protocol.
  bool on_message(const nlohmann::json& message);
  void on_idle() { idle_ = taken_; }
  void request_cancel() { cancel_requested_ = true; }

  // Runs `action` after `limit` unless the slot is freed or another limit is set before.
  void limit(std::chrono::milliseconds limit, std::function<void()> action);

  struct Ended {
    std::shared_ptr<Prediction> prediction;  // may be null
    Outcome outcome;
  };
  // Gives up the prediction; what the worker reported, if it did, else `otherwise`.
  Ended take_prediction(const Outcome& otherwise);
  void release();  // the slot is free

 private:
  void on_output(const nlohmann::json& message);
  void on_done(const nlohmann::json& message);

  boost::asio::steady_timer timer_;
  std::shared_ptr<Prediction> prediction_;
  std::optional<Outcome> outcome_;
  std::string output_error_;  // an output that cannot be delivered fails the run
  bool taken_ = false;
  bool idle_ = false;
  bool cancel_requested_ = false;
  std::shared_ptr<int> run_;  // expires with the run: guards a late timer
};

}  // namespace dream::host

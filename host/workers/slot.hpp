// One slot of a worker: which prediction runs there, and how the worker's messages change it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/predictions/prediction.hpp"

namespace dream::host {

// What a run may put out: both are held or read by the host.
struct OutputLimits {
  std::uint64_t value_bytes = 256U << 20;  // all values of a run together, as they lie in memory
  std::uint64_t file_bytes = 0;            // each file; 0: no limit
};

class Slot {
 public:
  Slot(boost::asio::io_context& io, OutputLimits limits) : timer_(io), limits_(limits) {}

  bool is_free() const { return !taken_; }
  // The running prediction, or null.
  const std::shared_ptr<Prediction>& prediction() const { return prediction_; }
  bool cancel_requested() const { return cancel_requested_; }
  // What the run has asked for in place of the usual limit.
  const std::optional<std::chrono::seconds>& cancel_limit() const { return cancel_limit_; }

  void begin(std::shared_ptr<Prediction> prediction);
  // Of the run that has begun last: ids may come again, this does not.
  std::uint64_t run_number() const { return run_number_; }
  // A message of the slot's channel. Throws std::exception if it breaks the protocol.
  enum class Said {
    news,
    done,      // the run is over
    too_much,  // an output beyond the limits, for the first time; what follows is dropped
  };
  Said on_message(const nlohmann::json& message);
  // Once the worker heeds the cancel, the prediction ends with `outcome`.
  void request_cancel(const Outcome& outcome);
  const Outcome& cancel_outcome() const { return cancel_outcome_; }
  // Why the output cannot be delivered, or empty.
  const std::string& output_error() const { return output_error_; }

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
  Said on_output(const nlohmann::json& message);
  Said refuse_output(const std::string& why);
  void on_done(const nlohmann::json& message);

  boost::asio::steady_timer timer_;
  const OutputLimits limits_;
  std::shared_ptr<Prediction> prediction_;
  std::optional<std::chrono::seconds> cancel_limit_;
  std::optional<Outcome> outcome_;
  Outcome cancel_outcome_;
  std::string output_error_;  // an output that cannot be delivered fails the run
  std::uint64_t value_bytes_ = 0;
  std::uint64_t run_number_ = 0;
  bool over_limit_ = false;
  bool taken_ = false;
  bool cancel_requested_ = false;
  std::shared_ptr<int> run_;  // expires with the run: guards a late timer
};

}  // namespace dream::host

// A prediction of a version as it is stored. Its status is one of "starting" (it waits for a host),
// "processing", "succeeded", "failed" and "canceled".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/storage/clock.hpp"

namespace dream::host {

// What a host must be to run a prediction. Those of a deployment are its own.
struct HostKind {
  std::string template_name;
  std::string weights;                       // sha256 of a blob
  std::optional<std::string> deployment = {};  // "owner/name"

  // One text for each kind.
  std::string key() const { return deployment.value_or("") + "|" + template_name + "|" + weights; }
};

struct NewStoredPrediction {
  std::string id;
  std::string account;
  std::string model_owner;
  std::string model_name;
  std::string version;
  HostKind kind;
  std::string input;  // JSON object
  std::optional<std::string> webhook;
  std::optional<std::string> webhook_events;  // JSON array; nothing: output and completed
  std::optional<Micros> deadline;
  std::vector<std::string> files = {};  // ids of those that the input names; not read back
  std::string token = {};               // a name of the one that made it; not read back
};

struct StoredPrediction : NewStoredPrediction {
  std::string status;
  std::optional<std::string> output;  // JSON
  std::optional<std::string> error;
  std::string logs;
  std::optional<std::string> metrics;  // JSON
  std::int64_t attempt = 0;            // 1 while it runs for the first time
  std::optional<std::string> owner;
  Micros created_at = 0;
  std::optional<Micros> started_at;
  std::optional<Micros> completed_at;
  bool cancel_requested = false;
};

}  // namespace dream::host

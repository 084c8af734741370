// Rows of predictions to and from their structs, for the stores of this folder, and what their
// changes tell webhooks.
#pragma once

#include <functional>
#include <string>

#include "host/storage/database.hpp"
#include "host/storage/deliveries.hpp"
#include "host/storage/stored_prediction.hpp"

namespace dream::host {

// The webhook that tells of `event` ("start", "output", "logs", "completed"), if it is wanted.
// Called within the transaction that makes the change.
using AnnouncePrediction =
    std::function<std::optional<NewDelivery>(const StoredPrediction&, const std::string& event)>;

extern const std::string prediction_columns;
StoredPrediction to_prediction(const sql::Row& row);

struct PredictionResult {
  std::string status;  // a terminal one
  std::optional<std::string> output = {};  // JSON
  std::optional<std::string> error = {};
  std::optional<std::string> logs = {};     // nothing: as they are
  std::optional<std::string> metrics = {};  // JSON
};

// Part of a transaction: its last state, and the webhook into the outbox. Nothing happens to one
// that has ended. With `attempt` only while that attempt runs.
bool end_prediction(sql::Database& database, const std::string& id,
                    std::optional<std::int64_t> attempt, const PredictionResult& result,
                    const AnnouncePrediction& announce);

}  // namespace dream::host

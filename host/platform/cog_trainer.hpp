// A trainer as the platform speaks to it: any server of the Cog HTTP API. The training runs as an
// asynchronous prediction that reports by webhooks to us, so that it goes on while the platform is
// away, and is found again afterwards.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "host/platform/problem.hpp"

namespace dream::host {

struct TrainerHealth {
  bool reachable = false;
  std::string status;      // "READY", "BUSY", "STARTING" …
  std::string started_at;  // of its set-up: another one means it was started again
};

class CogTrainer {
 public:
  // `url` without a slash at the end; `ended` ends requests under way.
  CogTrainer(std::string url, const std::atomic<bool>& ended)
      : url_(std::move(url)), ended_(ended) {}

  TrainerHealth health() const;
  // Null while it has none.
  Json openapi() const { return document(&ended_); }

  struct Started {
    enum class Kind {
      running,      // begun, or was running already
      finished,     // it answered at once: `body` is the prediction
      busy,         // no slot is free, or its set-up still runs: ask again
      refused,      // `problem`: what it was asked for cannot be
      unreachable,  // `problem`: why
    } kind = Kind::unreachable;
    Json body;
    std::string problem;
  };
  // PUT /trainings/ID where its document has that route, else /predictions/ID.
  Started start(const std::string& id, const Json& input, const std::string& webhook) const;
  // Whether it knew of it.
  bool cancel(const std::string& id) const;

 private:
  std::string entry(const std::atomic<bool>* canceled) const;
  Json document(const std::atomic<bool>* canceled) const;

  std::string url_;
  const std::atomic<bool>& ended_;
  mutable std::string entry_;
};

// What keeps `input` from being an input of the trainer that `openapi` describes; empty if nothing
// does, or if the document says nothing about inputs. `field`: "input.max_train_steps".
// `CogEntry::predict`: of a prediction, whose numbers may come as texts.
enum class CogEntry { train, predict };
std::string input_problem(const Json& openapi, const Json& input, std::string& field,
                          CogEntry entry = CogEntry::train);

}  // namespace dream::host

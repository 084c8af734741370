// The Cog HTTP API over the prediction service: what each path answers. The first template is
// served at the root paths, every template also below /templates/NAME.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/cog/cog_options.hpp"
#include "host/cog/health_checks.hpp"
#include "host/cog/intake.hpp"
#include "host/cog/render.hpp"
#include "host/http/router.hpp"
#include "host/streams/feed_hub.hpp"
#include "host/uploads/uploader.hpp"
#include "host/webhooks/webhook_sender.hpp"
#include "host/workers/worker_pool.hpp"
#include "weights/store/model_store.hpp"

namespace dream::host {

struct Envelope;

// What is asked of a template: the two halves of Cog's API, alike but for their schemas.
enum class Entry { predict, train };

class CogRoutes {
 public:
  // What the routes work with; each outlives them.
  struct Parts {
    WorkerPool& workers;
    Intake& intake;
    WebhookSender& webhooks;
    HealthChecks& health;
    FeedHub& feeds;
    Uploader& uploader;
  };
  // `templates`: names, the first is the default. `models`: where weights are asked for by name.
  // `request_shutdown` runs at POST /shutdown.
  CogRoutes(const Parts& parts, CogOptions options, std::vector<std::string> templates,
            weights::ModelStore models, std::function<void()> request_shutdown);

  void add_to(Router& router);

 private:
  using Shared = std::shared_ptr<Exchange>;

  // Of the template the path names; answers 404 and returns "" if there is none.
  std::string template_of(const Shared& exchange) const;
  const nlohmann::json* schema_of(const std::string& template_name) const;

  // As clients see it: while the server shuts down, it has no room for more.
  Health health() const;

  void root(const Shared& exchange) const;
  void index(const Shared& exchange) const;
  void health_check(const Shared& exchange);
  void answer_health(const Shared& exchange, const std::string& user_error) const;
  void openapi(const Shared& exchange) const;
  void docs(const Shared& exchange) const;
  void templates(const Shared& exchange) const;
  void shutdown(const Shared& exchange) const;

  void create(const Shared& exchange, Entry route);
  void create_with_id(const Shared& exchange, Entry route);
  void cancel(const Shared& exchange);
  // What a route runs: its own half, but in train mode the trainer.
  Entry entry_of(Entry route) const { return options_.train_mode ? Entry::train : route; }
  // The request's body; answers and returns nothing if it cannot be taken.
  std::optional<Envelope> envelope_of(const Shared& exchange, Entry route) const;
  // PUT for a prediction that runs: its state, or its events.
  void show_running(const Shared& exchange, const std::string& template_name, Entry entry,
                    const Snapshot& running);
  // Answers with the events of a prediction, if the request is well-formed and there is room.
  void watch(const Shared& exchange, Feed& feed, const std::string& id, Feed::Past past) const;
  // Answers 404 and returns true if the template is known to have no trainer.
  bool lacks_trainer(const Shared& exchange, const std::string& template_name, Entry entry) const;
  void run(const Shared& exchange, const std::string& template_name, Entry entry,
           Envelope envelope);
  // Answers 422 with the problems, or gives the input as the worker gets it.
  std::optional<nlohmann::json> resolved_input(const Shared& exchange, const nlohmann::json& schema,
                                               Envelope& envelope) const;
  PredictionRequest order(const Shared& exchange, const std::string& template_name, Entry entry,
                          const Envelope& envelope, const std::shared_ptr<Feed>& feed,
                          const std::shared_ptr<PredictionRenderer>& renderer);
  void answer_accepted(const Shared& exchange, const std::string& id,
                       const std::shared_ptr<Feed>& feed, PredictionRenderer& renderer);

  WorkerPool& workers_;
  Intake& intake_;
  WebhookSender& webhooks_;
  HealthChecks& health_checks_;
  FeedHub& feeds_;
  Uploader& uploader_;
  CogOptions options_;
  std::vector<std::string> names_;
  weights::ModelStore models_;
  std::function<void()> request_shutdown_;
};

// A JSON answer.
Response json_response(int status, const nlohmann::json& body);
// {"error": …}
Response error_response(int status, const char* error);
// With the header x-prediction-id, if the id is short enough for one.
Response with_prediction_id(Response response, const std::string& id);

}  // namespace dream::host

// The Cog HTTP API over the prediction service: what each path answers. The first template is
// served at the root paths, every template also below /templates/NAME.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/cog/health_checks.hpp"
#include "host/cog/intake.hpp"
#include "host/cog/render.hpp"
#include "host/http/router.hpp"
#include "host/webhooks/webhook_sender.hpp"
#include "host/workers/worker_pool.hpp"
#include "weights/store/model_store.hpp"

namespace dream::host {

struct Envelope;

// What is asked of a template: the two halves of Cog's API, alike but for their schemas.
enum class Entry { predict, train };

class CogRoutes {
 public:
  // `templates`: names, the first is the default. `models`: where weights are asked for by name.
  // `request_shutdown` runs at POST /shutdown.
  CogRoutes(WorkerPool& workers, Intake& intake, WebhookSender& webhooks, HealthChecks& health,
            std::vector<std::string> templates, weights::ModelStore models,
            std::function<void()> request_shutdown);

  void add_to(Router& router);

 private:
  using Shared = std::shared_ptr<Exchange>;

  // Of the template the path names; answers 404 and returns "" if there is none.
  std::string template_of(const Shared& exchange) const;
  const nlohmann::json* schema_of(const std::string& template_name) const;

  void index(const Shared& exchange) const;
  void health_check(const Shared& exchange);
  void answer_health(const Shared& exchange, const std::string& user_error) const;
  void openapi(const Shared& exchange) const;
  void templates(const Shared& exchange) const;
  void shutdown(const Shared& exchange) const;

  void create(const Shared& exchange, Entry entry);
  void create_with_id(const Shared& exchange, Entry entry);
  void cancel(const Shared& exchange);
  // Answers 404 and returns true if the template is known to have no trainer.
  bool lacks_trainer(const Shared& exchange, const std::string& template_name, Entry entry) const;
  void run(const Shared& exchange, const std::string& template_name, Entry entry,
           Envelope envelope);
  PredictionRequest order(const Shared& exchange, const std::string& template_name, Entry entry,
                          const Envelope& envelope, const nlohmann::json& resolved);

  WorkerPool& workers_;
  Intake& intake_;
  WebhookSender& webhooks_;
  HealthChecks& health_;
  std::vector<std::string> names_;
  weights::ModelStore models_;
  std::function<void()> request_shutdown_;
};

// A JSON answer.
Response json_response(int status, const nlohmann::json& body);

}  // namespace dream::host

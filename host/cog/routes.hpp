// The Cog HTTP API over the prediction service: what each path answers. The first template is
// served at the root paths, every template also below /templates/NAME.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/cog/intake.hpp"
#include "host/cog/render.hpp"
#include "host/http/router.hpp"
#include "host/webhooks/webhook_sender.hpp"
#include "host/workers/worker_pool.hpp"

namespace dream::host {

struct Envelope;

class CogRoutes {
 public:
  // `templates`: names, the first is the default. `request_shutdown` runs at POST /shutdown.
  CogRoutes(WorkerPool& workers, Intake& intake, WebhookSender& webhooks,
            std::vector<std::string> templates, std::function<void()> request_shutdown);

  void add_to(Router& router);

 private:
  using Shared = std::shared_ptr<Exchange>;

  // Of the template the path names; answers 404 and returns "" if there is none.
  std::string template_of(const Shared& exchange) const;
  const nlohmann::json* schema_of(const std::string& template_name) const;

  void index(const Shared& exchange) const;
  void health_check(const Shared& exchange) const;
  void openapi(const Shared& exchange) const;
  void templates(const Shared& exchange) const;
  void shutdown(const Shared& exchange) const;

  void create(const Shared& exchange);
  void create_with_id(const Shared& exchange);
  void cancel(const Shared& exchange);
  void run(const Shared& exchange, const std::string& template_name, Envelope envelope);
  PredictionRequest order(const Shared& exchange, const std::string& template_name,
                          const Envelope& envelope, const nlohmann::json& resolved);

  WorkerPool& workers_;
  Intake& intake_;
  WebhookSender& webhooks_;
  std::vector<std::string> names_;
  std::function<void()> request_shutdown_;
};

// A JSON answer.
Response json_response(int status, const nlohmann::json& body);

}  // namespace dream::host

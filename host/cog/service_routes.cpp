// The routes about the server itself: index, health, schema, templates, shutdown.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "host/base/time.hpp"
#include "host/cog/docs_page.hpp"
#include "host/cog/json_text.hpp"
#include "host/cog/negotiation.hpp"
#include "host/cog/openapi.hpp"
#include "host/cog/routes.hpp"
#include "host/cog/version.hpp"

namespace dream::host {

using nlohmann::json;

Response json_response(int status, const json& body) {
  return {status, "application/json", compact(body)};
}

Response error_response(int status, const char* error) {
  return json_response(status, {{"error", error}});
}

CogRoutes::CogRoutes(const Parts& parts, CogOptions options, std::vector<std::string> templates,
                     weights::ModelStore models, std::function<void()> request_shutdown)
    : workers_(parts.workers),
      intake_(parts.intake),
      webhooks_(parts.webhooks),
      health_checks_(parts.health),
      feeds_(parts.feeds),
      uploader_(parts.uploader),
      options_(std::move(options)),
      names_(std::move(templates)),
      models_(std::move(models)),
      request_shutdown_(std::move(request_shutdown)) {}

void CogRoutes::add_to(Router& router) {
  const auto on = [&](const char* method, const std::string& path, auto member) {
    router.add(method, path, [this, member](const Shared& exchange) { (this->*member)(exchange); });
  };
  for (const std::string root : {"", "/templates/{template}"}) {
    on("GET", root + "/health-check", &CogRoutes::health_check);
    on("GET", root + "/openapi.json", &CogRoutes::openapi);
    on("GET", root + "/docs", &CogRoutes::docs);
    for (const Entry entry : {Entry::predict, Entry::train}) {
      const std::string path = root + (entry == Entry::train ? "/trainings" : "/predictions");
      router.add("POST", path, [this, entry](const Shared& exchange) { create(exchange, entry); });
      router.add("PUT", path + "/{id}",
                 [this, entry](const Shared& exchange) { create_with_id(exchange, entry); });
      on("POST", path + "/{id}/cancel", &CogRoutes::cancel);
    }
  }
  on("GET", "/", &CogRoutes::root);
  on("GET", "/templates/{template}", &CogRoutes::index);
  on("GET", "/templates", &CogRoutes::templates);
  on("POST", "/shutdown", &CogRoutes::shutdown);
}

std::string CogRoutes::template_of(const Shared& exchange) const {
  const auto& parameters = exchange->request().parameters;
  const auto given = parameters.find("template");
  if (given == parameters.end()) return names_.front();
  if (std::find(names_.begin(), names_.end(), given->second) != names_.end()) return given->second;
  exchange->respond(json_response(404, {{"detail", "no template '" + given->second +
                                                       "' is served here; GET /templates lists "
                                                       "those that are"}}));
  return "";
}

const json* CogRoutes::schema_of(const std::string& template_name) const {
  for (const json& schema : workers_.schemas()) {
    if (schema.value("name", "") == template_name) return &schema;
  }
  return nullptr;
}

// Browsers go to the playground, programs get the index.
void CogRoutes::root(const Shared& exchange) const {
  if (!wants_page(exchange->request())) return index(exchange);
  exchange->respond({.status = 302, .headers = {{"location", "/ui"}, {"vary", "accept"}}});
}

void CogRoutes::index(const Shared& exchange) const {
  const std::string name = template_of(exchange);
  if (name.empty()) return;
  const bool at_root = !exchange->request().parameters.contains("template");
  const std::string root = at_root ? "" : "/templates/" + name;
  json body = {{"cog_version", cog_wire_version},
               {"docs_url", "/docs"},
               {"dream_version", dream_version},
               {"healthcheck_url", root + "/health-check"},
               {"openapi_url", root + "/openapi.json"},
               {"predictions_cancel_url", root + "/predictions/{prediction_id}/cancel"},
               {"predictions_idempotent_url", root + "/predictions/{prediction_id}"},
               {"predictions_url", root + "/predictions"},
               {"shutdown_url", "/shutdown"},
               {"templates_url", "/templates"}};
  if (const json* schema = schema_of(name); schema != nullptr && schema->contains("train")) {
    body["trainings_cancel_url"] = root + "/trainings/{training_id}/cancel";
    body["trainings_idempotent_url"] = root + "/trainings/{training_id}";
    body["trainings_url"] = root + "/trainings";
  }
  exchange->respond(json_response(200, body));
}

// While its worker is up, a template that can tell how it is gets asked.
void CogRoutes::health_check(const Shared& exchange) {
  const std::string name = template_of(exchange);
  if (name.empty()) return;
  const Health health = this->health();
  const json* schema = schema_of(name);
  const bool up = health == Health::ready || health == Health::busy;
  if (!up || schema == nullptr || !schema->value("healthcheck", false))
    return answer_health(exchange, {});
  health_checks_.check(
      name, [this, exchange](const std::string& error) { answer_health(exchange, error); });
}

Health CogRoutes::health() const {
  const Health health = workers_.health();
  return health == Health::ready && intake_.is_draining() ? Health::busy : health;
}

// Keys in Cog's order, which is not alphabetical here.
void CogRoutes::answer_health(const Shared& exchange, const std::string& user_error) const {
  const SetupReport& report = workers_.setup();
  nlohmann::ordered_json setup;
  setup["started_at"] = rfc3339(report.started_at);
  if (report.completed_at) setup["completed_at"] = rfc3339(*report.completed_at);
  setup["status"] = report.status;
  if (!report.logs.empty()) setup["logs"] = report.logs;
  nlohmann::ordered_json body;
  const Health health = this->health();  // may have changed while the template was asked
  const bool unhealthy = !user_error.empty() && (health == Health::ready || health == Health::busy);
  body["status"] = to_string(unhealthy ? Health::unhealthy : health);
  body["setup"] = setup;
  body["version"] = {{"coglet", cog_wire_version}, {"dream", dream_version}};
  if (unhealthy) body["user_healthcheck_error"] = user_error;
  exchange->respond({200, "application/json",
                     body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
}

void CogRoutes::openapi(const Shared& exchange) const {
  const std::string name = template_of(exchange);
  if (name.empty()) return;
  const json* schema = schema_of(name);
  exchange->respond(schema != nullptr
                        ? json_response(200, openapi_document(*schema))
                        : json_response(503, {{"error", "OpenAPI schema not available"}}));
}

void CogRoutes::docs(const Shared& exchange) const {
  const std::string name = template_of(exchange);
  if (name.empty()) return;
  const bool at_root = !exchange->request().parameters.contains("template");
  DocsPage page{name, "", at_root ? "" : "/templates/" + name, names_, nullptr};
  if (const json* schema = schema_of(name)) {
    page.description = schema->value("description", "");
    page.document = openapi_document(*schema);
  }
  exchange->respond({200, "text/html; charset=utf-8", docs_page(page),
                     {{"content-security-policy", docs_page_policy},
                      {"x-content-type-options", "nosniff"}}});
}

void CogRoutes::templates(const Shared& exchange) const {
  json list = json::array();
  for (const std::string& name : names_) {
    json entry = {{"name", name}, {"url", "/templates/" + name}, {"default", name == names_[0]}};
    if (const json* schema = schema_of(name)) {
      entry["description"] = schema->value("description", "");
      entry["version"] = schema->value("version", "");
      entry["openapi"] = openapi_document(*schema);
    }
    list.push_back(entry);
  }
  exchange->respond(json_response(200, {{"templates", list}}));
}

void CogRoutes::shutdown(const Shared& exchange) const {
  spdlog::info("shutdown requested over HTTP");
  exchange->respond(json_response(200, json::object()));
  request_shutdown_();
}

}  // namespace dream::host

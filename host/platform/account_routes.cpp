// The routes of ReplicateApi about the account, the machine and what there is on it.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "host/platform/model_view.hpp"
#include "host/platform/paging.hpp"
#include "host/platform/replicate_api.hpp"
#include "host/platform/webhook_secret.hpp"

namespace dream::host {
namespace {

constexpr char not_found[] = "The requested resource could not be found.";
constexpr std::int64_t most_models = 1000;

// "NVIDIA H200", as the driver says; empty if there is no such card.
std::string graphics_card() {
  std::error_code none;
  for (const auto& card :
       std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", none)) {
    std::ifstream information(card.path() / "information");
    for (std::string line; std::getline(information, line);) {
      if (!line.starts_with("Model:")) continue;
      const std::size_t begin = line.find_first_not_of(" \t", 6);
      if (begin != std::string::npos) return line.substr(begin);
    }
  }
  return "";
}

// The models that an account sees, by the template of their newest versions.
std::map<std::string, Json> by_template(PlatformCore& core, const std::string& account,
                                        const std::string& base) {
  std::map<std::string, Json> collections;
  for (const Model& model : core.models.list(account, std::nullopt, most_models)) {
    const auto newest = core.models.latest_version(model.owner, model.name);
    if (newest) collections[newest->template_name].push_back(model_view(core, model, base));
  }
  return collections;
}

Json collection_view(const std::string& name, const Json& models) {
  const std::string text = fmt::format("Models on the template {}", name);
  return {{"name", name},
          {"slug", name},
          {"description", text},
          {"full_description", text},
          {"models", models}};
}

}  // namespace

void ReplicateApi::add_account_routes(const AddRoute& add) {
  add("GET", "/v1/account", bound(&ReplicateApi::get_account));
  add("GET", "/v1/hardware", bound(&ReplicateApi::list_hardware));
  add("GET", "/v1/collections", bound(&ReplicateApi::list_collections));
  add("GET", "/v1/collections/{slug}", bound(&ReplicateApi::get_collection));
  add("GET", "/v1/search", bound(&ReplicateApi::search));
  add("GET", "/v1/webhooks/default/secret", bound(&ReplicateApi::get_webhook_secret));
}

ApiAnswer ReplicateApi::get_account(Request& request) {
  const std::string account = account_of(request);
  return {json_answer(200, {{"type", "user"},
                            {"username", account},
                            {"name", account},
                            {"avatar_url", nullptr},
                            {"github_url", nullptr}})};
}

ApiAnswer ReplicateApi::list_hardware(Request& request) {
  account_of(request);
  Json hardware = Json::array({{{"name", "CPU"}, {"sku", "cpu"}}});
  const std::string card = graphics_card();
  if (!card.empty()) hardware.push_back({{"name", card}, {"sku", "gpu"}});
  return {json_answer(200, hardware)};
}

ApiAnswer ReplicateApi::list_collections(Request& request) {
  const std::string account = account_of(request);
  Json results = Json::array();
  for (const auto& [name, models] :
       by_template(core_, account, base_of(core_.options, request))) {
    Json view = collection_view(name, models);
    view.erase("models");  // of each alone
    results.push_back(std::move(view));
  }
  return {json_answer(200, {{"previous", nullptr}, {"next", nullptr}, {"results", results}})};
}

ApiAnswer ReplicateApi::get_collection(Request& request) {
  const std::string account = account_of(request);
  const auto collections = by_template(core_, account, base_of(core_.options, request));
  const auto found = collections.find(path_name(request, "slug"));
  if (found == collections.end()) throw Refusal(404, not_found);
  return {json_answer(200, collection_view(found->first, found->second))};
}

ApiAnswer ReplicateApi::search(Request& request) {
  const std::string account = account_of(request);
  const std::string text = query_of(request, "query");
  if (text.empty())
    throw Refusal(422, "query: it is missing: the text to search for", "query");
  Json models = Json::array();
  for (Json& model : found_models(account, text, base_of(core_.options, request)))
    models.push_back({{"model", std::move(model)}, {"metadata", Json::object()}});
  return {json_answer(200, {{"query", text},
                            {"models", models},
                            {"collections", Json::array()},
                            {"pages", Json::array()}})};
}

ApiAnswer ReplicateApi::get_webhook_secret(Request& request) {
  return {json_answer(200, {{"key", webhook_secret(core_.pool, account_of(request))}})};
}

}  // namespace dream::host

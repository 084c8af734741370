// The routes of ReplicateApi about models and their versions.
#include <fmt/format.h>

#include <array>
#include <tuple>
#include <utility>

#include "host/base/text.hpp"
#include "host/platform/model_view.hpp"
#include "host/platform/paging.hpp"
#include "host/platform/replicate_api.hpp"
#include "host/platform/request_fields.hpp"
#include "host/platform/stored_prediction_view.hpp"
#include "host/platform/training_request.hpp"

namespace dream::host {
namespace {

constexpr std::int64_t most_found = 50;
constexpr std::size_t longest_search = 1024;  // bytes
constexpr char not_found[] = "The requested resource could not be found.";

using TextMember = std::optional<std::string> Model::*;
constexpr std::array<std::pair<const char*, TextMember>, 5> texts{
    {{"description", &Model::description},
     {"github_url", &Model::github_url},
     {"paper_url", &Model::paper_url},
     {"license_url", &Model::license_url},
     {"cover_image_url", &Model::cover_image_url}}};

// What of a body may be set when a model is made and changed later. Null and "" take it away.
void read_texts(const Json& body, Model& model) {
  for (const auto& [name, member] : texts) {
    if (!body.contains(name)) continue;
    model.*member = text_field(body, name, 4096);
    if (model.*member && std::string_view(name) != "description") check_url(*(model.*member), name);
  }
  if (body.contains("readme")) model.readme = text_field(body, "readme", 1U << 20);
  if (const auto visibility = text_field(body, "visibility", 16)) {
    if (*visibility != "public" && *visibility != "private")
      throw Refusal(422, fmt::format("visibility: '{}' is neither public nor private", *visibility),
                    "visibility");
    model.visibility = *visibility;
  }
}

void check_search_size(std::size_t bytes) {
  if (bytes > longest_search)
    throw Refusal(422, fmt::format("query: {} bytes are too many to search for: at most {}", bytes,
                                   longest_search),
                  "query");
}

// The body of a search is a text, plain or as JSON.
std::string search_text(const Request& request) {
  const std::string body(trimmed(request.body, " \t\r\n"));
  check_search_size(body.size());
  const Json json = Json::parse(body, nullptr, false);
  std::string text = json.is_string() ? json.get<std::string>() : body;
  if (valid_utf8(text) != text || text.find('\0') != std::string::npos)
    throw Refusal(422, "the body must be the text to search for, in UTF-8");
  return text;
}

}  // namespace

void ReplicateApi::add_model_routes(const AddRoute& add) {
  add("POST", "/v1/models", bound(&ReplicateApi::create_model));
  add("GET", "/v1/models", bound(&ReplicateApi::list_models));
  add("QUERY", "/v1/models", bound(&ReplicateApi::search_models));
  add("GET", "/v1/models/{owner}/{name}", bound(&ReplicateApi::get_model));
  add("PATCH", "/v1/models/{owner}/{name}", bound(&ReplicateApi::change_model));
  add("DELETE", "/v1/models/{owner}/{name}", bound(&ReplicateApi::delete_model));
  add("GET", "/v1/models/{owner}/{name}/readme", bound(&ReplicateApi::get_readme));
  add("GET", "/v1/models/{owner}/{name}/examples", bound(&ReplicateApi::list_examples));
  add("GET", "/v1/models/{owner}/{name}/versions", bound(&ReplicateApi::list_versions));
  add("GET", "/v1/models/{owner}/{name}/versions/{id}", bound(&ReplicateApi::get_version));
  add("DELETE", "/v1/models/{owner}/{name}/versions/{id}", bound(&ReplicateApi::delete_version));
}

Model ReplicateApi::visible_model(const Request& request, const std::string& account) {
  auto model = core_.models.find(path_name(request, "owner"), path_name(request, "name"));
  if (!may_see(model, account)) throw Refusal(404, not_found);
  return std::move(*model);
}

Model ReplicateApi::own_model(const Request& request) {
  const std::string account = account_of(request);
  Model model = visible_model(request, account);
  if (model.account != account)
    throw Refusal(403, fmt::format("{} belongs to another account", model.full_name()));
  return model;
}

Response ReplicateApi::model_answer(int status, const Request& request, const Model& model) {
  return json_answer(status, model_view(core_, model, base_of(core_.options, request)));
}

ApiAnswer ReplicateApi::create_model(Request& request) {
  Model model;
  model.account = account_of(request);
  const Json body = parse_body(request.body);
  for (const char* name : {"owner", "name", "visibility"}) {
    if (!text_field(body, name, 256))
      throw Refusal(422, fmt::format("{}: it is missing", name), name);
  }
  const std::string full = *text_field(body, "owner", 256) + "/" + *text_field(body, "name", 256);
  std::tie(model.owner, model.name) = read_model_name(full, "name");
  model.hardware = text_field(body, "hardware", 256).value_or("cpu");
  read_texts(body, model);
  if (!core_.models.create(model))
    throw Refusal(409, fmt::format("A model with that name and owner already exists: {}", full),
                  "name");
  return {model_answer(201, request, core_.models.find(model.owner, model.name).value())};
}

ApiAnswer ReplicateApi::list_models(Request& request) {
  const std::string account = account_of(request);
  const std::string base = base_of(core_.options, request);
  const auto start = read_cursor(request);
  const auto place = [](const Model& model) {
    return PageStart{model.created_at, model.full_name()};
  };
  const auto view = [&](const Model& model) { return model_view(core_, model, base); };
  return {json_answer(200, page_of(core_.models.list(account, start, page_size + 1), start,
                                   base + "/v1/models", place, view))};
}

Json ReplicateApi::found_models(const std::string& account, const std::string& text,
                                const std::string& base) {
  check_search_size(text.size());
  Json found = Json::array();
  for (const Model& model : core_.models.search(account, text, most_found))
    found.push_back(model_view(core_, model, base));
  return found;
}

ApiAnswer ReplicateApi::search_models(Request& request) {
  const std::string account = account_of(request);
  const Json found =
      found_models(account, search_text(request), base_of(core_.options, request));
  return {json_answer(200, {{"previous", nullptr}, {"next", nullptr}, {"results", found}})};
}

ApiAnswer ReplicateApi::get_model(Request& request) {
  return {model_answer(200, request, visible_model(request, account_of(request)))};
}

ApiAnswer ReplicateApi::change_model(Request& request) {
  Model model = own_model(request);
  const Json body = parse_body(request.body);
  read_texts(body, model);
  if (body.contains("default_example")) {
    model.default_example = text_field(body, "default_example", 64);
    const auto prediction = model.default_example ? core_.predictions.find(*model.default_example)
                                                  : std::nullopt;
    if (model.default_example && (!prediction || prediction->account != model.account))
      throw Refusal(422, "default_example: it is not the id of one of your predictions",
                    "default_example");
  }
  if (!core_.models.change(model)) throw Refusal(404, not_found);
  return {model_answer(200, request, core_.models.find(model.owner, model.name).value())};
}

ApiAnswer ReplicateApi::delete_model(Request& request) {
  const Model model = own_model(request);
  if (model.visibility == "public")
    throw Refusal(403, "Only a private model can be deleted: make it private first");
  if (!core_.models.remove(model.owner, model.name))
    throw Refusal(409, "The model has versions: delete them first");
  return {{.status = 204}};
}

ApiAnswer ReplicateApi::get_readme(Request& request) {
  const Model model = visible_model(request, account_of(request));
  return {{200, "text/plain; charset=utf-8", model.readme.value_or("")}};
}

ApiAnswer ReplicateApi::list_examples(Request& request) {
  const Model model = visible_model(request, account_of(request));
  Json results = Json::array();
  const auto example =
      model.default_example ? core_.predictions.find(*model.default_example) : std::nullopt;
  if (example)
    results.push_back(
        stored_prediction_view(core_, *example, base_of(core_.options, request)));
  return {json_answer(200, {{"previous", nullptr}, {"next", nullptr}, {"results", results}})};
}

ApiAnswer ReplicateApi::list_versions(Request& request) {
  const Model model = visible_model(request, account_of(request));
  const std::string base = base_of(core_.options, request);
  const auto start = read_cursor(request);
  const auto place = [](const Version& version) {
    return PageStart{version.created_at, version.id};
  };
  const auto view = [&](const Version& version) { return version_view(core_, version); };
  return {json_answer(
      200, page_of(core_.models.versions_page(model.owner, model.name, start, page_size + 1), start,
                   base + "/v1/models/" + model.full_name() + "/versions", place, view))};
}

ApiAnswer ReplicateApi::get_version(Request& request) {
  const Model model = visible_model(request, account_of(request));
  const auto version = core_.models.find_version(model.owner, model.name, path_name(request, "id"));
  if (!version) throw Refusal(404, not_found);
  return {json_answer(200, version_view(core_, *version))};
}

ApiAnswer ReplicateApi::delete_version(Request& request) {
  const Model model = own_model(request);
  const std::string id = path_name(request, "id");
  if (core_.deployments.any_of(model.owner, model.name, id))
    throw Refusal(409, "A deployment runs the version: change or delete that first");
  if (!core_.models.remove_version(model.owner, model.name, id)) throw Refusal(404, not_found);
  return {{.status = 204}};
}

}  // namespace dream::host

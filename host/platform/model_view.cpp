#include "host/platform/model_view.hpp"

#include "host/platform/stored_prediction_view.hpp"

namespace dream::host {
namespace {

Json or_null(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json();
}

// Clients look for this schema to know whether outputs come one by one.
bool has_output(const Json& document) {
  return document.is_object() &&
         document.contains(Json::json_pointer("/components/schemas/Output"));
}

Json plain_schema() {
  const Json any_object = {{"type", "object"}, {"title", "Input"}, {"properties", Json::object()}};
  const Json schemas = {{"Input", any_object}, {"Output", {{"title", "Output"}}}};
  return {{"openapi", "3.0.2"},
          {"info", {{"title", "Cog"}, {"version", "0.1.0"}}},
          {"paths", Json::object()},
          {"components", {{"schemas", schemas}}}};
}

std::string setting_of(const std::string& template_name) {
  return "schema " + template_name;
}

Json example_of(PlatformCore& core, const Model& model, const std::string& base) {
  if (!model.default_example) return nullptr;
  const auto prediction = core.predictions.find(*model.default_example);
  return prediction ? stored_prediction_view(core, *prediction, base) : Json();
}

}  // namespace

void keep_schema(PlatformCore& core, const std::string& template_name, const Json& openapi) {
  if (has_output(openapi)) keep_setting(core.pool, setting_of(template_name), to_text(openapi));
}

Json kept_schema(PlatformCore& core, const std::string& template_name) {
  if (template_name.empty()) return nullptr;
  const auto text = find_setting(core.pool, setting_of(template_name));
  return text ? Json::parse(*text, nullptr, false) : Json();
}

Json version_schema(PlatformCore& core, const Version& version) {
  Json own = kept_schema(core, core.served_with(version.template_name));
  if (has_output(own)) return own;
  Json of_image = version.schema ? Json::parse(*version.schema, nullptr, false) : Json();
  return has_output(of_image) ? of_image : plain_schema();
}

Json version_view(PlatformCore& core, const Version& version) {
  return {{"id", version.id},
          {"created_at", wire_time(version.created_at)},
          {"cog_version", version.cog_version.value_or("0.0.0")},
          {"openapi_schema", version_schema(core, version)},
          {"notes", or_null(version.notes)},
          {"template", version.template_name},
          {"image", version.image}};
}

Json model_view(PlatformCore& core, const Model& model, const std::string& base) {
  const auto newest = core.models.latest_version(model.owner, model.name);
  return {{"url", base + "/" + model.full_name()},
          {"owner", model.owner},
          {"name", model.name},
          {"description", or_null(model.description)},
          {"visibility", model.visibility},
          {"created_at", wire_time(model.created_at)},
          {"is_official", false},
          {"github_url", or_null(model.github_url)},
          {"paper_url", or_null(model.paper_url)},
          {"license_url", or_null(model.license_url)},
          {"run_count", model.run_count},
          {"cover_image_url", or_null(model.cover_image_url)},
          {"default_example", example_of(core, model, base)},
          {"latest_version", newest ? version_view(core, *newest) : Json()}};
}

}  // namespace dream::host

#include "host/cog/openapi.hpp"

#include "host/cog/json_text.hpp"
#include "host/cog/version.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

json reference(const std::string& component) {
  return {{"$ref", "#/components/schemas/" + component}};
}

// "num_outputs" → "Num Outputs"
std::string title_case(const std::string& name) {
  std::string title;
  bool start = true;
  for (const char c : name) {
    if (c == '_') {
      title += ' ';
    } else {
      title += start && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    start = c == '_';
  }
  return title;
}

json type_schema(const std::string& type) {
  if (type == "integer" || type == "number" || type == "boolean") return {{"type", type}};
  if (type == "json") return {{"type", "object"}};
  if (type == "file") return {{"type", "string"}, {"format", "uri"}};
  if (type == "secret") {
    return {
        {"type", "string"}, {"format", "password"}, {"writeOnly", true}, {"x-cog-secret", true}};
  }
  return {{"type", "string"}};
}

void add_limits(const json& input, json& target) {
  if (input.contains("ge")) target["minimum"] = tidy_number(input["ge"]);
  if (input.contains("le")) target["maximum"] = tidy_number(input["le"]);
  if (input.contains("min_length")) target["minLength"] = input["min_length"];
  if (input.contains("max_length")) target["maxLength"] = input["max_length"];
  if (input.contains("regex")) target["pattern"] = input["regex"];
}

// The name of the component for the choices of an input. A training's choices may differ from those
// of the prediction input of the same name; then they get a name of their own.
std::string choices_component(const std::string& name, const json& choices,
                              const json& components) {
  const auto taken = components.find(name);
  return taken == components.end() || taken->value("enum", json()) == choices ? name
                                                                              : "training_" + name;
}

// One value of the input: what a property holds, or one item of its list.
json value_schema(const json& input, json& components) {
  const std::string name = input.at("name");
  const std::string type = input.at("type");
  if (input.contains("choices") && !input["choices"].empty()) {
    const std::string component = choices_component(name, input["choices"], components);
    components[component] = type_schema(type);
    components[component].update(
        {{"title", name}, {"description", "An enumeration."}, {"enum", input["choices"]}});
    return {{"allOf", json::array({reference(component)})}};
  }
  json schema = type_schema(type);
  if (input.contains("any_of") && !input["any_of"].empty()) {
    schema = {{"anyOf", json::array()}};
    for (const auto& member : input["any_of"]) {
      schema["anyOf"].push_back(type_schema(member.get<std::string>()));
      if (input.value("nullable", false)) schema["anyOf"].back()["nullable"] = true;
    }
  }
  add_limits(input, schema);
  return schema;
}

json property(const json& input, std::size_t order, json& components) {
  json schema = value_schema(input, components);
  if (input.value("list", false)) schema = {{"type", "array"}, {"items", schema}};
  if (!schema.contains("allOf")) schema["title"] = title_case(input.at("name"));
  schema["x-order"] = order;
  if (input.contains("default")) schema["default"] = input["default"];
  if (input.value("nullable", false)) schema["nullable"] = true;
  if (!input.value("description", "").empty()) schema["description"] = input["description"];
  if (input.value("deprecated", false)) schema["deprecated"] = true;
  return schema;
}

json input_schema(const json& template_schema, const std::string& title, json& components) {
  json schema = {{"title", title}, {"type", "object"}, {"properties", json::object()}};
  std::size_t order = 0;
  for (const auto& input : template_schema.at("inputs")) {
    const std::string name = input.at("name");
    schema["properties"][name] = property(input, order++, components);
    if (!input.contains("default") && !input.value("nullable", false)) {
      schema["required"].push_back(name);
    }
  }
  return schema;
}

json output_schema(const json& output) {
  json item = type_schema(output.at("type"));
  const std::string kind = output.at("kind");
  if (kind == "single") {
    item["title"] = "Output";
    return item;
  }
  json schema = {{"title", "Output"}, {"type", "array"}, {"items", item}};
  if (kind != "list") schema["x-cog-array-type"] = "iterator";
  if (kind == "concatenate") schema["x-cog-array-display"] = "concatenate";
  return schema;
}

json text_field(const std::string& title, const std::string& format = "") {
  json field = {{"title", title}, {"type", "string"}};
  if (!format.empty()) field["format"] = format;
  return field;
}

json validation_error_schema() {
  const json location = {{"title", "Location"},
                         {"type", "array"},
                         {"items", {{"anyOf", {{{"type", "string"}}, {{"type", "integer"}}}}}}};
  return {
      {"title", "ValidationError"},
      {"type", "object"},
      {"required", {"loc", "msg", "type"}},
      {"properties",
       {{"loc", location}, {"msg", text_field("Message")}, {"type", text_field("Error Type")}}}};
}

// What is sent and answered: `what` is "Prediction" or "Training".
void add_envelopes(const std::string& what, const std::string& input, const std::string& output,
                   json& components) {
  components[what + "Request"] = {
      {"title", what + "Request"},
      {"type", "object"},
      {"properties", {{"id", text_field("Id")}, {"input", reference(input)}}}};
  components[what + "Response"] = {{"title", what + "Response"},
                                   {"type", "object"},
                                   {"properties",
                                    {{"input", reference(input)},
                                     {"output", reference(output)},
                                     {"id", text_field("Id")},
                                     {"version", text_field("Version")},
                                     {"created_at", text_field("Created At", "date-time")},
                                     {"started_at", text_field("Started At", "date-time")},
                                     {"completed_at", text_field("Completed At", "date-time")},
                                     {"status", text_field("Status")},
                                     {"error", text_field("Error")},
                                     {"logs", text_field("Logs")},
                                     {"metrics", {{"title", "Metrics"}, {"type", "object"}}}}}};
}

void add_common(json& components) {
  components["Status"] = {{"title", "Status"},
                          {"description", "An enumeration."},
                          {"enum", {"starting", "processing", "succeeded", "canceled", "failed"}},
                          {"type", "string"}};
  const json detail = {
      {"title", "Detail"}, {"type", "array"}, {"items", reference("ValidationError")}};
  components["HTTPValidationError"] = {
      {"title", "HTTPValidationError"}, {"type", "object"}, {"properties", {{"detail", detail}}}};
  components["ValidationError"] = validation_error_schema();
}

json answer(const std::string& description, const json& schema) {
  return {{"description", description}, {"content", {{"application/json", {{"schema", schema}}}}}};
}

json operation(const std::string& summary, const std::string& id) {
  return {{"summary", summary},
          {"operationId", id},
          {"responses", {{"200", answer("Successful Response", json::object())}}}};
}

// The two paths of one entry: `verb` "Predict" and `noun` "Prediction", or "Train" and "Training".
void add_entry_paths(const std::string& verb, const std::string& noun, const std::string& path,
                     json& paths) {
  const std::string id = noun == "Training" ? "training" : "prediction";
  const std::string method = verb == "Train" ? "train" : "predict";
  const json invalid = answer("Validation Error", reference("HTTPValidationError"));
  json run = operation(verb, method + "_" + path + "_post");
  run["description"] = "Run a single " + id + " on the model";
  run["requestBody"]["content"]["application/json"]["schema"] = reference(noun + "Request");
  run["responses"]["200"] = answer("Successful Response", reference(noun + "Response"));
  run["responses"]["422"] = invalid;

  json cancel = operation("Cancel", "cancel_" + path + "__" + id + "_id__cancel_post");
  cancel["responses"]["422"] = invalid;
  json parameter = {{"required", true}, {"name", id + "_id"}, {"in", "path"}};
  parameter["schema"] = text_field(noun + " Id");
  cancel["parameters"].push_back(parameter);
  paths["/" + path] = {{"post", run}};
  paths["/" + path + "/{" + id + "_id}/cancel"] = {{"post", cancel}};
}

}  // namespace

bool is_streamed(const json& schema) {
  const json& output = schema.at("output");
  const std::string kind = output.at("kind");
  return kind == "iterator" || kind == "concatenate" || output.value("streaming", false);
}

json openapi_document(const json& schema) {
  json components = json::object();
  json paths = {
      {"/", {{"get", operation("Root", "root__get")}}},
      {"/health-check", {{"get", operation("Healthcheck", "healthcheck_health_check_get")}}}};
  add_common(components);
  add_envelopes("Prediction", "Input", "Output", components);
  json input = input_schema(schema, "Input", components);
  components["Input"] = std::move(input);
  components["Output"] = output_schema(schema.at("output"));
  add_entry_paths("Predict", "Prediction", "predictions", paths);
  if (is_streamed(schema)) paths["/predictions"]["post"]["x-cog-streaming"] = true;
  if (const auto train = schema.find("train"); train != schema.end()) {
    add_envelopes("Training", "TrainingInput", "TrainingOutput", components);
    json training = input_schema(*train, "TrainingInput", components);
    components["TrainingInput"] = std::move(training);
    components["TrainingOutput"] = output_schema(train->at("output"));
    add_entry_paths("Train", "Training", "trainings", paths);
  }
  return {{"openapi", "3.0.2"},
          {"info", {{"title", "Cog"}, {"version", cog_wire_version}}},
          {"paths", paths},
          {"components", {{"schemas", components}}}};
}

}  // namespace dream::host

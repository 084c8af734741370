// Inputs of a training against the OpenAPI document of its trainer, so that a wrong one costs no
// compute, and an unknown one is not silently left out.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "host/platform/cog_trainer.hpp"

namespace dream::host {
namespace {

const Json* member(const Json* object, const char* name) {
  if (object == nullptr || !object->is_object()) return nullptr;
  const auto found = object->find(name);
  return found == object->end() ? nullptr : &*found;
}

// A property, with what it refers to in the place of {"allOf": [{"$ref": …}]}.
Json resolved(const Json& schemas, const Json& property) {
  Json result = property;
  const Json* const all = member(&property, "allOf");
  const Json* const first =
      all != nullptr && all->is_array() && !all->empty() ? &all->front() : &property;
  const Json* const reference = member(first, "$ref");
  if (reference == nullptr || !reference->is_string()) return result;
  const auto path = reference->get<std::string>();
  const Json* const target = member(&schemas, path.substr(path.rfind('/') + 1).c_str());
  if (target != nullptr) result.update(*target);
  return result;
}

bool has_type(const Json& value, const std::string& type) {
  if (type == "string") return value.is_string();
  if (type == "integer")
    return value.is_number_integer() ||
           (value.is_number() && value.get<double>() == static_cast<double>(
                                                            static_cast<std::int64_t>(
                                                                value.get<double>())));
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  return true;
}

// Cog reads numbers and truth values out of texts.
bool may_be_text(const Json& property) {
  const Json* const type = member(&property, "type");
  return type != nullptr && (*type == "integer" || *type == "number" || *type == "boolean");
}

std::string range_problem(const Json& property, const Json& value) {
  if (!value.is_number()) return "";
  const Json* const least = member(&property, "minimum");
  const Json* const most = member(&property, "maximum");
  if (least != nullptr && least->is_number() && value.get<double>() < least->get<double>())
    return fmt::format("{} is less than {}", to_text(value), to_text(*least));
  if (most != nullptr && most->is_number() && value.get<double>() > most->get<double>())
    return fmt::format("{} is more than {}", to_text(value), to_text(*most));
  return "";
}

std::string value_problem(const Json& property, const Json& value) {
  if (value.is_null()) return "";  // whether it may be is the trainer's own affair
  const Json* const type = member(&property, "type");
  if (type != nullptr && type->is_string() && !has_type(value, type->get<std::string>()))
    return fmt::format("{} is needed, not {}", type->get<std::string>(),
                       to_text(value).substr(0, 100));
  const Json* const choices = member(&property, "enum");
  if (choices != nullptr && choices->is_array()) {
    std::vector<std::string> allowed;
    for (const Json& choice : *choices) {
      if (choice == value) return "";
      allowed.push_back(to_text(choice));
    }
    return fmt::format("{} is not one of {}", to_text(value).substr(0, 100),
                       fmt::join(allowed, ", "));
  }
  return range_problem(property, value);
}

}  // namespace

std::string input_problem(const Json& openapi, const Json& input, std::string& field,
                          CogEntry entry) {
  const Json* const schemas = member(member(&openapi, "components"), "schemas");
  const bool trains = entry == CogEntry::train;
  const Json* schema = trains ? member(schemas, "TrainingInput") : nullptr;
  if (schema == nullptr) schema = member(schemas, "Input");
  const Json* const properties = member(schema, "properties");
  if (properties == nullptr || !properties->is_object()) return "";
  const Json* const required = member(schema, "required");
  if (required != nullptr && required->is_array()) {
    for (const Json& name : *required) {
      if (!name.is_string() || input.contains(name.get<std::string>())) continue;
      field = "input." + name.get<std::string>();
      return trains ? "it is missing: the trainer needs it" : "it is missing";
    }
  }
  for (const auto& [name, value] : input.items()) {
    field = "input." + name;
    const Json* const property = member(properties, name.c_str());
    if (property == nullptr) {
      std::vector<std::string> names;
      for (const auto& each : properties->items()) names.push_back(each.key());
      return fmt::format("{} has no such input; it has {}", trains ? "the trainer" : "the version",
                         fmt::join(names, ", "));
    }
    const Json known = resolved(*schemas, *property);
    if (!trains && value.is_string() && may_be_text(known)) continue;
    const std::string problem = value_problem(known, value);
    if (!problem.empty()) return problem;
  }
  field.clear();
  return "";
}

}  // namespace dream::host

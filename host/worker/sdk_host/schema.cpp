#include "host/worker/sdk_host/schema.hpp"

#include <cmath>

#include "host/worker/sdk_host/sdk_error.hpp"
#include "host/worker/sdk_host/values.hpp"

namespace dream::worker {
namespace {

constexpr std::size_t max_inputs = 256;
constexpr std::uint32_t max_runs = 1024;

// A limit as people write it: 1, not 1.0.
nlohmann::json number(double value) {
  if (std::trunc(value) == value && std::abs(value) < 9e15) return static_cast<std::int64_t>(value);
  return value;
}

nlohmann::json input_json(const InputSpec& input) {
  nlohmann::json json = {{"name", input.name},
                         {"type", type_name(input.type)},
                         {"list", input.list},
                         {"nullable", input.nullable},
                         {"description", input.description}};
  if (input.default_value) json["default"] = *input.default_value;
  if (input.ge) json["ge"] = number(*input.ge);
  if (input.le) json["le"] = number(*input.le);
  if (input.min_length) json["min_length"] = *input.min_length;
  if (input.max_length) json["max_length"] = *input.max_length;
  if (!input.regex.empty()) json["regex"] = input.regex;
  if (!input.reference.empty()) json["reference"] = input.reference;
  if (input.named_reference) json["named_reference"] = true;
  if (!input.choices.empty()) json["choices"] = input.choices;
  if (input.deprecated) json["deprecated"] = true;
  for (const dream_type type : input.any_of) json["any_of"].push_back(type_name(type));
  return json;
}

std::string kind_name(dream_output_kind kind) {
  switch (kind) {
    case DREAM_SINGLE:
      return "single";
    case DREAM_OUTPUT_LIST:
      return "list";
    case DREAM_ITERATOR:
      return "iterator";
    case DREAM_CONCATENATE:
      return "concatenate";
  }
  return "single";
}

}  // namespace

void TemplateSchema::add(InputSpec input) {
  lint(input);
  if (find(input.name) != nullptr) throw invalid("input '" + input.name + "' is declared twice");
  if (inputs_.size() >= max_inputs)
    throw invalid("input '" + input.name + "' is one too many: a template may have " +
                  std::to_string(max_inputs));
  inputs_.push_back(std::move(input));
}

void TemplateSchema::set_output(std::uint32_t type, std::uint32_t kind) {
  if (type == DREAM_NULL || type == DREAM_SECRET || type >= DREAM_LIST)
    throw invalid("an output cannot be of type " + type_name(type));
  if (kind > DREAM_CONCATENATE) throw invalid("there is no output kind " + std::to_string(kind));
  if (kind == DREAM_CONCATENATE && type != DREAM_STRING)
    throw invalid("a concatenate output must be of type string, not " + type_name(type));
  output_type_ = static_cast<dream_type>(type);
  output_kind_ = static_cast<dream_output_kind>(kind);
}

void TemplateSchema::set_max_concurrency(std::uint32_t runs) {
  if (runs < 1 || runs > max_runs)
    throw invalid("max_concurrency " + std::to_string(runs) + " is not within 1 to " +
                  std::to_string(max_runs));
  max_concurrency_ = runs;
}

const InputSpec* TemplateSchema::find(std::string_view name) const {
  for (const InputSpec& input : inputs_)
    if (input.name == name) return &input;
  return nullptr;
}

nlohmann::json TemplateSchema::to_json() const {
  auto list = nlohmann::json::array();
  for (const InputSpec& input : inputs_) list.push_back(input_json(input));
  nlohmann::json output = {{"type", type_name(output_type_)}, {"kind", kind_name(output_kind_)}};
  // Who waits for a training wants to watch it, though its output is one file at the end.
  if (training_) output["streaming"] = true;
  return {{"inputs", std::move(list)},
          {"output", std::move(output)},
          {"max_concurrency", max_concurrency_}};
}

}  // namespace dream::worker

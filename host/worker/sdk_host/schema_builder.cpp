#include "host/worker/sdk_host/schema_builder.hpp"

#include <algorithm>

#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/status.hpp"
#include "host/worker/sdk_host/training_inputs.hpp"
#include "host/worker/sdk_host/values.hpp"

namespace dream::worker {
namespace {

constexpr std::uint32_t known_flags =
    DREAM_INPUT_LIST | DREAM_INPUT_NULLABLE | DREAM_INPUT_DEPRECATED | DREAM_INPUT_HAS_GE |
    DREAM_INPUT_HAS_LE | DREAM_INPUT_HAS_MIN_LENGTH | DREAM_INPUT_HAS_MAX_LENGTH;
constexpr std::size_t max_choices = 10000;

std::vector<dream_type> read_union(const dream_input& input) {
  std::vector<dream_type> types;
  if (input.any_of == 0) return types;
  if (input.type >= 32 || (input.any_of & 1U << input.type) == 0)
    throw invalid("any_of does not contain the input's type");
  types.push_back(static_cast<dream_type>(input.type));
  for (std::uint32_t type = 0; type < 32; ++type)
    if ((input.any_of & 1U << type) != 0 && type != input.type)
      types.push_back(static_cast<dream_type>(type));
  return types;
}

void add_choices(const dream_input& input, InputSpec& spec) {
  if (input.choice_count > max_choices)
    throw invalid("input '" + spec.name + "': over " + std::to_string(max_choices) + " choices");
  if (input.choice_count != 0) checked(input.choices, "choices");
  for (std::size_t i = 0; i < input.choice_count; ++i)
    spec.choices.push_back(to_json(input.choices[i], "choice of input '" + spec.name + "'"));
}

dream_status* add_input(dream_schema* schema, const dream_input* input) noexcept {
  return guarded(
      [&] { checked(schema, "schema").schema.add(read_input(checked(input, "input"))); });
}

dream_status* add_diffusion_inputs(dream_schema* schema) noexcept {
  return guarded([&] {
    for (auto& input : diffusion_inputs(checked(schema, "schema").defaults))
      schema->schema.add(std::move(input));
  });
}

dream_status* add_control_inputs(dream_schema* schema,
                                 const dream_control_source* source) noexcept {
  return guarded([&] {
    const DiffusionDefaults& defaults = checked(schema, "schema").defaults;
    ControlSource control = read_source(checked(source, "control source"));
    for (auto& input : diffusion_inputs(defaults, &control)) schema->schema.add(std::move(input));
    schema->schema.set_control(std::move(control));
  });
}

dream_status* add_training_inputs(dream_schema* schema, std::uint32_t kind) noexcept {
  return guarded([&] {
    if (kind > DREAM_TRAIN_LORA)
      throw invalid("training inputs: there is no kind " + std::to_string(kind));
    const auto wanted = static_cast<dream_training_kind>(kind);
    for (auto& input : training_inputs(wanted))
      checked(schema, "schema").schema.add(std::move(input));
    schema->schema.set_training(wanted);
    schema->schema.set_output(DREAM_FILE, DREAM_SINGLE);
  });
}

dream_status* set_output(dream_schema* schema, std::uint32_t type, std::uint32_t kind) noexcept {
  return guarded([&] { checked(schema, "schema").schema.set_output(type, kind); });
}

dream_status* set_max_concurrency(dream_schema* schema, std::uint32_t runs) noexcept {
  return guarded([&] { checked(schema, "schema").schema.set_max_concurrency(runs); });
}

}  // namespace

ControlSource read_source(const dream_control_source& source) {
  if (source.struct_size < sizeof(dream_control_source))
    throw invalid("dream_control_source.struct_size " + std::to_string(source.struct_size) +
                  " is too small");
  if ((source.flags & ~std::uint32_t{DREAM_CONTROL_MASKED}) != 0)
    throw invalid("control source: unknown flags " + std::to_string(source.flags));
  ControlSource control;
  control.network = view(source.network, "network of a control");
  control.annotator = view(source.annotator, "annotator of a control");
  control.masked = (source.flags & DREAM_CONTROL_MASKED) != 0;
  if (control.network.empty()) throw invalid("control source: the network's name is empty");
  return control;
}

InputSpec read_input(const dream_input& input) {
  if (input.struct_size < sizeof(dream_input))
    throw invalid("dream_input.struct_size " + std::to_string(input.struct_size) + " is too small");
  InputSpec spec;
  spec.name = view(input.name, "name of an input");
  const std::string what = "input '" + spec.name + "'";
  if ((input.flags & ~known_flags) != 0)
    throw invalid(what + ": unknown flags " + std::to_string(input.flags & ~known_flags));
  const auto has = [&](std::uint32_t flag) { return (input.flags & flag) != 0; };
  spec.type = static_cast<dream_type>(std::min<std::uint32_t>(input.type, DREAM_LIST));
  spec.any_of = read_union(input);
  spec.description = view(input.description, "description of " + what);
  spec.list = has(DREAM_INPUT_LIST);
  spec.nullable = has(DREAM_INPUT_NULLABLE);
  spec.deprecated = has(DREAM_INPUT_DEPRECATED);
  if (has(DREAM_INPUT_HAS_GE)) spec.ge = input.ge;
  if (has(DREAM_INPUT_HAS_LE)) spec.le = input.le;
  if (has(DREAM_INPUT_HAS_MIN_LENGTH)) spec.min_length = input.min_length;
  if (has(DREAM_INPUT_HAS_MAX_LENGTH)) spec.max_length = input.max_length;
  spec.regex = view(input.regex, "regex of " + what);
  add_choices(input, spec);
  if (input.default_value != nullptr) {
    auto value = to_json(input.default_value, "default of " + what);
    // A null default of a nullable input says no more than its absence.
    if (!value.is_null() || !spec.nullable) spec.default_value = std::move(value);
  }
  return spec;
}

const dream_schema_1& schema_interface() {
  static constexpr dream_schema_1 table = {
      sizeof(dream_schema_1), 0,          add_input,
      add_diffusion_inputs,   set_output, set_max_concurrency,
      add_control_inputs,     add_training_inputs};
  return table;
}

}  // namespace dream::worker

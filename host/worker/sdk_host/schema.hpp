// What a template declares in describe(): its inputs, its output and how many runs it can bear.
// Every declaration is checked as it is made, so that a template's mistake shows when it is loaded
// and not in some prediction.
#pragma once

#include <dream/abi/schema.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dream::worker {

struct InputSpec {
  std::string name;
  dream_type type = DREAM_STRING;
  std::string description;
  bool list = false;
  bool nullable = false;
  bool deprecated = false;
  std::optional<nlohmann::json> default_value;
  std::optional<double> ge;
  std::optional<double> le;
  std::optional<std::uint64_t> min_length;  // characters
  std::optional<std::uint64_t> max_length;
  std::string regex;  // RE2, searched; empty: none
  std::vector<nlohmann::json> choices;
  // Not empty: the strings are references to files of this kind, a folder of the model store.
  std::string reference;
  bool named_reference = false;  // they are NAME=REFERENCE@SCALE[START,END]
  std::vector<dream_type> any_of;  // empty, or the types of a union; `type` is the first

  bool required() const { return !default_value && !nullable; }
};

// The network behind a control, and how its map is made of a picture.
struct ControlSource {
  std::string network;    // name in the model store
  std::string annotator;  // empty: the picture itself is the map
  bool masked = false;    // made for inpainting: what the mask repaints is hidden from it
};

// Throws SdkError (DREAM_INVALID_INPUT) that names the input and the contradiction.
void lint(const InputSpec& input);

class TemplateSchema {
 public:
  // Lints; also refuses a name that is taken. Throws SdkError.
  void add(InputSpec input);
  // Throws SdkError for a type or kind that an output cannot have.
  void set_output(std::uint32_t type, std::uint32_t kind);
  void set_max_concurrency(std::uint32_t runs);
  // What leads through the input control_image.
  void set_control(ControlSource control) { control_ = std::move(control); }
  void set_training(dream_training_kind kind) { training_ = kind; }

  const std::vector<InputSpec>& inputs() const { return inputs_; }
  const InputSpec* find(std::string_view name) const;  // null if not declared
  dream_type output_type() const { return output_type_; }
  dream_output_kind output_kind() const { return output_kind_; }
  std::uint32_t max_concurrency() const { return max_concurrency_; }
  const std::optional<ControlSource>& control() const { return control_; }
  const std::optional<dream_training_kind>& training() const { return training_; }

  // The members "inputs", "output" and "max_concurrency" of a SCHEMA (protocol.hpp).
  nlohmann::json to_json() const;

 private:
  std::vector<InputSpec> inputs_;
  dream_type output_type_ = DREAM_STRING;
  dream_output_kind output_kind_ = DREAM_SINGLE;
  std::uint32_t max_concurrency_ = 1;
  std::optional<ControlSource> control_;
  std::optional<dream_training_kind> training_;
};

}  // namespace dream::worker

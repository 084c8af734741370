// Declared: what a template said in describe(): printed for schema snapshots, and the rules that
// given inputs are checked against.
#pragma once

#include <dream/abi/schema.h>

#include <algorithm>
#include <dream/testing/value.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dream::testing {

using Inputs = std::map<std::string, Value>;

// One input as the template declared it.
struct Input {
  std::string name, description, regex;
  uint32_t type = 0, flags = 0, any_of = 0;
  std::optional<Value> default_value;
  double ge = 0, le = 0;
  uint64_t min_length = 0, max_length = 0;
  std::vector<Value> choices;

  bool has(uint32_t flag) const { return (flags & flag) != 0; }
  bool required() const { return !default_value && !has(DREAM_INPUT_NULLABLE); }
  bool allows(uint32_t value_type) const {
    return any_of == 0 ? value_type == type : (any_of & 1U << value_type) != 0;
  }
};

// The names every diffusion template takes; the real host adds more with its versions.
inline bool is_diffusion_input(const std::string& name) {
  static constexpr const char* names[] = {"image",
                                          "mask",
                                          "prompt",
                                          "negative_prompt",
                                          "width",
                                          "height",
                                          "num_outputs",
                                          "num_inference_steps",
                                          "guidance_scale",
                                          "prompt_strength",
                                          "scheduler",
                                          "disable_safety_check",
                                          "seed",
                                          "lora",
                                          "embeddings",
                                          "extra_controls",
                                          "guess_mode",
                                          "control_is_preprocessed",
                                          "resize_mode",
                                          "prompt_syntax",
                                          "clip_skip",
                                          "karras",
                                          "paste_original",
                                          "output_format",
                                          "output_quality",
                                          "guidance_rescale",
                                          "eta"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// The names that control_inputs() takes beside them, but for the annotator's options.
inline bool is_control_input(const std::string& name) {
  static constexpr const char* names[] = {"control_image", "return_processed_control",
                                          "conditioning_scale", "control_guidance_start",
                                          "control_guidance_end"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// The names every trainer takes; the real host adds more with its versions.
inline bool is_training_input(const std::string& name) {
  static constexpr const char* names[] = {
      "instance_prompt",  "class_prompt",        "instance_data",    "class_data",
      "num_class_images", "save_sample_prompt",  "resolution",       "train_text_encoder",
      "train_batch_size", "max_train_steps",     "num_train_epochs", "learning_rate",
      "lr_scheduler",     "lr_warmup_steps",     "seed",             "with_prior_preservation",
      "ckpt_base",        "prior_loss_weight",   "sample_steps",     "checkpointing_steps"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// What control_inputs() was given.
struct DeclaredControl {
  std::string network, annotator;
  bool masked;
};

struct Declared {
  std::vector<Input> inputs;
  int diffusion_inputs = 0;      // how often they were declared, by either function
  std::optional<DeclaredControl> control;
  std::size_t diffusion_at = 0;  // how many inputs stand before them
  std::optional<uint32_t> training;  // dream_training_kind, where training_inputs() was called
  std::size_t training_at = 0;
  uint32_t output_type = DREAM_STRING, output_kind = DREAM_SINGLE, max_concurrency = 1;

  const Input* find(const std::string& name) const {  // null if not declared
    for (const Input& input : inputs) {
      if (input.name == name) return &input;
    }
    return nullptr;
  }
};

namespace detail {

inline std::string number_text(double number) {
  return to_text(Value(number));
}

inline std::string type_text(const Input& input) {
  std::string text;
  for (uint32_t type = 0; type <= DREAM_LIST; ++type) {
    if (input.allows(type)) text += (text.empty() ? "" : " or ") + std::string(type_name(type));
  }
  if (input.has(DREAM_INPUT_LIST)) text = "list of " + text;
  if (input.has(DREAM_INPUT_NULLABLE)) text += ", optional";
  if (input.required()) text += ", required";
  return text;
}

inline std::string input_text(const Input& input) {
  std::string text = "input " + input.name + ": " + type_text(input);
  if (input.default_value) text += ", default " + to_text(*input.default_value);
  if (input.has(DREAM_INPUT_HAS_GE)) text += ", at least " + number_text(input.ge);
  if (input.has(DREAM_INPUT_HAS_LE)) text += ", at most " + number_text(input.le);
  if (input.has(DREAM_INPUT_HAS_MIN_LENGTH)) {
    text += ", at least " + std::to_string(input.min_length) + " characters";
  }
  if (input.has(DREAM_INPUT_HAS_MAX_LENGTH)) {
    text += ", at most " + std::to_string(input.max_length) + " characters";
  }
  if (!input.regex.empty()) text += ", matches /" + input.regex + "/";
  if (!input.choices.empty()) text += ", one of " + to_text(Value(input.choices));
  if (input.has(DREAM_INPUT_DEPRECATED)) text += ", deprecated";
  return text + "\n  " + input.description + "\n";
}

// `value` as the declared type if it may be given for it: a text for a file, secret or JSON, and a
// whole number for a number. Throws InvalidInput.
inline Value coerce(const Input& input, Value value, bool item) {
  const std::string name = "input \"" + input.name + "\": ";
  if (input.has(DREAM_INPUT_LIST) && !item) {
    if (value.type != DREAM_LIST) throw InvalidInput(name + "is a list");
    for (Value& each : value.items) each = coerce(input, std::move(each), true);
    return value;
  }
  if (input.allows(value.type)) return value;
  const bool text_type =
      input.type == DREAM_FILE || input.type == DREAM_SECRET || input.type == DREAM_JSON;
  if (value.type == DREAM_STRING && text_type) return {input.type, value.text};
  if (value.type == DREAM_INTEGER && input.allows(DREAM_NUMBER)) {
    return static_cast<double>(value.integer);
  }
  throw InvalidInput(name + to_text(value) + " is of type " + type_name(value.type) +
                     ", declared is " + type_text(input));
}

inline void check_limits(const Input& input, const Value& value) {
  const std::string name = "input \"" + input.name + "\": " + to_text(value);
  if (value.type == DREAM_INTEGER || value.type == DREAM_NUMBER) {
    const double number =
        value.type == DREAM_NUMBER ? value.number : static_cast<double>(value.integer);
    if (input.has(DREAM_INPUT_HAS_GE) && number < input.ge) {
      throw InvalidInput(name + " is below " + number_text(input.ge));
    }
    if (input.has(DREAM_INPUT_HAS_LE) && number > input.le) {
      throw InvalidInput(name + " is above " + number_text(input.le));
    }
  }
  if (value.type == DREAM_STRING) {
    const auto length = static_cast<uint64_t>(std::count_if(
        value.text.begin(), value.text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
    if (input.has(DREAM_INPUT_HAS_MIN_LENGTH) && length < input.min_length) {
      throw InvalidInput(name + " is too short");
    }
    if (input.has(DREAM_INPUT_HAS_MAX_LENGTH) && length > input.max_length) {
      throw InvalidInput(name + " is too long");
    }
  }
  if (!input.choices.empty() &&
      std::find(input.choices.begin(), input.choices.end(), value) == input.choices.end()) {
    throw InvalidInput(name + " is not one of " + to_text(Value(input.choices)));
  }
}

}  // namespace detail

// The declaration, line by line, in a form that changes only with it: kept beside a template as its
// schema snapshot.
inline std::string schema_text(const Declared& declared) {
  static constexpr const char* kinds[] = {"single", "list", "iterator", "concatenate"};
  std::string text;
  const auto diffusion = [&](std::size_t at) {
    if (declared.diffusion_inputs == 0 || declared.diffusion_at != at) return;
    const auto& control = declared.control;
    text += "diffusion inputs";
    if (control) text += ", control by " + control->network;
    if (control && !control->annotator.empty()) text += " with annotator " + control->annotator;
    text += control && control->masked ? ", masked\n" : "\n";
  };
  const auto training = [&](std::size_t at) {
    if (!declared.training || declared.training_at != at) return;
    text += declared.training == DREAM_TRAIN_LORA ? "training inputs of a LoRA\n"
                                                  : "training inputs of a model\n";
  };
  for (std::size_t i = 0; i < declared.inputs.size(); ++i) {
    diffusion(i);
    training(i);
    text += detail::input_text(declared.inputs[i]);
  }
  diffusion(declared.inputs.size());
  training(declared.inputs.size());
  text += std::string("output: ") + type_name(declared.output_type) + ", " +
          kinds[declared.output_kind & 3] + "\n";
  return text + "runs at once: " + std::to_string(declared.max_concurrency) + "\n";
}

// The inputs as a host hands them over: every rule checked but regex (RE2 is not here). Throws
// InvalidInput that names the input, the value and the rule.
inline Inputs checked_inputs(const Declared& declared, const Inputs& given) {
  Inputs checked;
  for (const auto& [name, value] : given) {
    const Input* input = declared.find(name);
    if (input == nullptr) {
      const bool drawing = declared.diffusion_inputs != 0 &&
                           (is_diffusion_input(name) ||
                            (declared.control.has_value() && is_control_input(name)));
      if (!drawing && !(declared.training.has_value() && is_training_input(name))) {
        throw InvalidInput("input \"" + name + "\" was not declared");
      }
      checked[name] = value;
    } else if (value.type != DREAM_NULL) {
      const Value coerced = detail::coerce(*input, value, false);
      if (coerced.type == DREAM_LIST) {
        for (const Value& item : coerced.items) detail::check_limits(*input, item);
      } else {
        detail::check_limits(*input, coerced);
      }
      checked[name] = coerced;
    }
  }
  for (const Input& input : declared.inputs) {
    if (input.required() && checked.count(input.name) == 0) {
      throw InvalidInput("input \"" + input.name + "\" is required");
    }
  }
  return checked;
}

}  // namespace dream::testing

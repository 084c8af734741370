// The kinds of inputs that the host declares itself, each as one call.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "host/worker/sdk_host/schema.hpp"

namespace dream::worker::spec {

inline InputSpec text(std::string name, std::string description, std::string default_value) {
  InputSpec input;
  input.name = std::move(name);
  input.description = std::move(description);
  input.default_value = std::move(default_value);
  return input;
}

// Without a default: it must be given.
inline InputSpec required_text(std::string name, std::string description) {
  InputSpec input = text(std::move(name), std::move(description), "");
  input.default_value.reset();
  return input;
}

inline InputSpec ranged(std::string name, dream_type type, std::string description, double ge,
                        double le, nlohmann::json default_value) {
  InputSpec input;
  input.name = std::move(name);
  input.type = type;
  input.description = std::move(description);
  input.ge = ge;
  input.le = le;
  input.default_value = std::move(default_value);
  return input;
}

inline InputSpec flag(std::string name, std::string description, bool default_value) {
  InputSpec input;
  input.name = std::move(name);
  input.type = DREAM_BOOLEAN;
  input.description = std::move(description);
  input.default_value = default_value;
  return input;
}

inline InputSpec choice(std::string name, std::string description,
                        std::vector<nlohmann::json> choices, std::string default_value) {
  InputSpec input = text(std::move(name), std::move(description), std::move(default_value));
  input.choices = std::move(choices);
  return input;
}

// It must be given.
inline InputSpec file(std::string name, std::string description) {
  InputSpec input;
  input.name = std::move(name);
  input.type = DREAM_FILE;
  input.description = std::move(description);
  return input;
}

// The same without a default; it may be left out.
inline InputSpec nullable(InputSpec input) {
  input.nullable = true;
  input.default_value.reset();
  return input;
}

}  // namespace dream::worker::spec

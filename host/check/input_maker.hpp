// Makes inputs for a template from its schema alone: sensible ones, long-running ones, and unusual
// ones. All keep the schema's rules, as the host lets no others through; the same seed makes the
// same inputs.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "host/check/sample_files.hpp"

namespace dream::host::check {

class InputMaker {
 public:
  // `schema`: SCHEMA of host/workers/protocol.hpp.
  InputMaker(nlohmann::json schema, SampleFiles files);

  // The defaults, and a plain value for what is required. Diffusion templates draw one picture of
  // the model's own size in 2 steps; trainers take 2 steps with one picture.
  const nlohmann::json& example() const { return example_; }
  // The required inputs for which no value was found that fits (a strict regex). Then the template
  // cannot be run.
  const std::vector<std::string>& unknown() const { return unknown_; }
  bool is_diffusion() const { return diffusion_; }

  // The example with every number at its upper limit: what takes longest.
  nlohmann::json longest() const;
  // The example with some inputs at or near their borders: limits, empty and long texts, Unicode,
  // null, damaged files. `turn` chooses which single input is changed in every second call.
  nlohmann::json unusual(std::mt19937_64& random, std::size_t turn) const;

 private:
  using Json = nlohmann::json;

  bool fits(const Json& input, const Json& value) const;
  std::vector<Json> plain_values(const Json& input) const;
  Json example_value(const Json& input, bool& found) const;
  std::vector<Json> unusual_items(const Json& input, std::mt19937_64& random) const;
  Json unusual_value(const Json& input, std::mt19937_64& random) const;
  bool is_capped(const Json& input) const;

  Json schema_;
  SampleFiles files_;
  bool diffusion_ = false;
  bool training_ = false;
  Json example_ = Json::object();
  std::vector<std::string> unknown_;
};

}  // namespace dream::host::check

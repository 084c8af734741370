// Inputs whose strings name files ("reference" in a SCHEMA), weights or pictures: a URL, a data URL
// or a name in the model store, possibly followed by @strength, or, of controls, between NAME= and
// @SCALE[START,END]. A worker only ever gets local paths, and what stands around them in full.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/cog/input_validation.hpp"
#include "weights/store/model_store.hpp"

namespace dream::host {

// A string of such an input, taken apart.
struct ReferenceText {
  std::string before;     // "canny=", or nothing
  std::string reference;  // what names the file
  std::string after;      // "@0.8", "@0.8[0,0.5]", never nothing
};

// Throws weights::Error for what is not written as `input` has it.
ReferenceText take_apart(const nlohmann::json& input, const std::string& text);

// Calls `visit` for each given string of each such input of `resolved` (from resolve_input);
// index -1: the input is no list.
using VisitReference = std::function<void(const nlohmann::json& input, int index,
                                          nlohmann::json& value)>;
void for_each_weight_reference(const nlohmann::json& schema, nlohmann::json& resolved,
                               const VisitReference& visit);

// Does the input name whole models, not what is laid over one? Those have no strength.
bool is_model_reference(const nlohmann::json& input);

// Which files may be named by their path.
enum class WeightPaths {
  in_store,  // a server's clients: those of the model store
  any        // the command line
};

// Replaces names by the files' paths; URLs stay. Appends an error for each name that the store does
// not have.
void resolve_weight_names(const nlohmann::json& schema, nlohmann::json& resolved,
                          const weights::ModelStore& store, WeightPaths paths,
                          std::vector<ValidationError>& errors);

}  // namespace dream::host

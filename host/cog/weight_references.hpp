// Inputs whose strings name weight files ("reference" in a SCHEMA): a URL, a data URL or a name in
// the model store, possibly followed by @strength. A worker only ever gets local paths, which keep
// their @strength.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/cog/input_validation.hpp"
#include "weights/store/model_store.hpp"

namespace dream::host {

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

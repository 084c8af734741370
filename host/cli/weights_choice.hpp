// Which weights a command uses: the first source that applies.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace dream::host {

// All that the choice depends on, so that tests can say it.
struct WeightsSources {
  std::optional<std::string> option;           // --weights
  std::optional<std::string> cog_weights;      // COG_WEIGHTS
  std::filesystem::path working_folder;        // ./weights counts if it holds model_index.json
  std::optional<std::string> default_weights;  // DREAM_DEFAULT_WEIGHTS
  std::filesystem::path models;                // the store: --weights NAME is a folder in it
  std::filesystem::path prefix;                // with the bundled emoji-sd below share/dream
};

// A value that is no path may name a folder of the model store.
// An absolute path, an http or https URL, or "none": a template without weights. An empty value
// counts as not given.
// Throws UsageError, naming the source, if the first one that applies does not exist.
std::string choose_weights(const WeightsSources& sources);

// The same for the running program and its environment; `option` is --weights, `models` the store.
std::string choose_weights(const std::optional<std::string>& option,
                           const std::filesystem::path& models);

// The bundled emoji-sd of the running program; the folder need not exist.
std::filesystem::path bundled_weights();

}  // namespace dream::host

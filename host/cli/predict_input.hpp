// The input of `dream predict`, from the command line to what a worker takes.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/cog/input_files.hpp"

namespace dream::host {

struct PredictInput {
  nlohmann::json given;     // as shown in the prediction object
  nlohmann::json resolved;  // validated, defaults filled in; files as given
};

// From --input-json (a file, "-" for stdin, or empty) and the -i assignments. Throws UsageError
// with one line per problem. `models`: the model store, for weights asked for by name.
PredictInput read_input(const nlohmann::json& schema, const std::string& json_file,
                        const std::vector<std::string>& assignments,
                        const std::filesystem::path& models);

// `resolved` with data, http and https URLs of files and weights fetched into `folder` and `cache`;
// paths stay as they are. Blocking. Throws std::runtime_error that names the input.
FetchedInputs fetch_urls(const nlohmann::json& schema, nlohmann::json resolved,
                         const std::filesystem::path& folder, DownloadCache& cache);

}  // namespace dream::host

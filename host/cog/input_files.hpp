// The file inputs of one request, from what clients send (data URLs, http and https URLs) to local
// files in the prediction's folder, which is all that a worker gets to see.
#pragma once

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/cog/download.hpp"
#include "host/cog/input_validation.hpp"
#include "host/downloads/download_cache.hpp"

namespace dream::host {

// A data, http or https URL.
bool is_url(const std::string& text);

// Whether any file input of `resolved` (from resolve_input) has a value, or any weight reference is
// a URL.
bool has_input_files(const nlohmann::json& schema, const nlohmann::json& resolved);

// Appends an error for each file input whose value is no data, http or https URL: a server must not
// let clients name its own files.
void check_file_references(const nlohmann::json& schema, const nlohmann::json& resolved,
                           std::vector<ValidationError>& errors);

struct FetchedInputs {
  nlohmann::json resolved;         // with local paths
  std::vector<CachedFile> in_use;  // weights; to be kept until the prediction is over
  std::vector<std::string> logs;   // a line for each of them: hit or miss, bytes, seconds
};

// `resolved` with each file input and each weight reference that is a URL replaced by the path of a
// file: below `folder`, which is made for the first one, or weights from http and https in `cache`.
// Blocking. Throws std::runtime_error that names the input.
FetchedInputs fetch_input_files(const nlohmann::json& schema, nlohmann::json resolved,
                                const std::filesystem::path& folder,
                                const std::atomic<bool>& canceled, DownloadCache& cache,
                                const DownloadLimits& limits = {});

}  // namespace dream::host

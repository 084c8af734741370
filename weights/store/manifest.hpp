// Manifests of known models: where their files lie, under which licence, and what their bytes must
// be. What no source states (a size, a digest) is left out of a manifest rather than guessed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace dream::weights {

struct ManifestFile {
  std::string url;                     // http or https
  std::string path;                    // below the model's folder; never leads out of it
  std::optional<std::uint64_t> bytes;  // JSON "size"
  std::optional<std::string> sha256;   // 64 lower-case hexadecimal digits
};

struct Manifest {
  std::string name;  // also the folder in the model store
  std::string description;
  std::string kind;  // "model", "inpainting model", "vae", "controlnet", "annotator", …
  std::string license;
  std::string license_url;  // may be empty
  std::string source;       // the page to read about the model
  std::vector<ManifestFile> files;
};

// `where` is the name in messages. Throws Error that names the key and what is allowed.
Manifest parse_manifest(const nlohmann::json& json, const std::string& where);
Manifest read_manifest(const std::filesystem::path& path);

// All `*.json` of a folder, by name; none when the folder is not there. Throws Error for one that
// is malformed, or whose name is not its file's.
std::vector<Manifest> read_manifests(const std::filesystem::path& folder);

}  // namespace dream::weights

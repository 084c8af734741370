#include "weights/store/control_place.hpp"

#include <algorithm>
#include <system_error>

#include "weights/store/manifest.hpp"

namespace dream::weights {
namespace {

namespace fs = std::filesystem;

// Plain names that no component of a diffusers folder has.
bool may_be_own(std::string_view name) {
  return (name.starts_with("controlnet-") || name.starts_with("t2i-adapter-")) &&
         name.find('/') == std::string_view::npos;
}

bool is_searched(const fs::path& model, std::string_view name) {
  std::error_code error;
  return may_be_own(name) && fs::is_directory(model, error);
}

// The first file of its manifest that is no config.
std::optional<fs::path> published_file(const fs::path& manifests, std::string_view name) {
  std::error_code error;
  const auto path = manifests / (std::string(name) + ".json");
  if (name.find('/') != std::string_view::npos || !fs::is_regular_file(path, error)) return {};
  for (const ManifestFile& file : read_manifest(path).files)
    if (!file.path.ends_with(".json")) return fs::path(name) / file.path;
  return {};
}

}  // namespace

std::optional<fs::path> find_control_network(const fs::path& model, const ModelStore& store,
                                             std::string_view name) {
  if (is_searched(model, name)) {
    if (auto own = ModelStore(model).find_network(name)) return own;
  }
  return store.find_network(name);
}

std::string missing_control_network(const fs::path& model, const ModelStore& store,
                                    const fs::path& manifests, std::string_view name) {
  const auto file = published_file(manifests, name);
  return store.missing_weights(file.value_or(fs::path(name)), file ? name : "",
                               is_searched(model, name) ? model : fs::path());
}

std::vector<std::string> own_control_networks(const fs::path& model) {
  std::vector<std::string> names;
  std::error_code error;
  if (!fs::is_directory(model, error)) return names;
  for (fs::directory_iterator entry(model, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path& path = entry->path();
    const auto name = (entry->is_directory(error) ? path.filename() : path.stem()).string();
    const auto place = fs::absolute(path, error).lexically_normal();
    if (may_be_own(name) && ModelStore(model).find_network(name) == place) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace dream::weights

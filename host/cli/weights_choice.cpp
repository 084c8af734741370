#include "host/cli/weights_choice.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "host/base/paths.hpp"
#include "host/cli/errors.hpp"
#include "host/downloads/fetch_weights.hpp"

namespace dream::host {
namespace fs = std::filesystem;
namespace {

constexpr char no_weights[] = "none";

bool given(const std::optional<std::string>& value) {
  return value.has_value() && !value->empty();
}

// What a name of the model store means: a diffusers folder, or the one checkpoint in it.
std::optional<fs::path> in_store(const fs::path& models, const std::string& name) {
  std::error_code error;
  const fs::path folder = models / name;
  if (models.empty() || name.find('/') != std::string::npos || name.starts_with('.') ||
      !fs::is_directory(folder, error))
    return std::nullopt;
  if (fs::is_regular_file(folder / "model_index.json", error)) return folder;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string suffix = entry.path().extension().string();
    if (suffix == ".safetensors" || suffix == ".ckpt" || suffix == ".zip")
      files.push_back(entry.path());
  }
  return files.size() == 1 ? files.front() : folder;
}

std::string checked(const std::string& value, const char* source, const fs::path& models) {
  if (value == no_weights || is_weights_url(value)) return value;
  if (value.find("://") != std::string::npos)
    throw UsageError(fmt::format(
        "{}: '{}' cannot be fetched: weights are an http or https URL, a folder or a file on this "
        "machine, or 'none'",
        source, value));
  std::error_code error;
  if (!fs::exists(value, error)) {
    if (const auto stored = in_store(models, value))
      return fs::absolute(*stored).lexically_normal().string();
    throw UsageError(fmt::format(
        "{}: there is no '{}', neither as a folder or a file nor as a name in the model store {}; "
        "'none' is a template without weights",
        source, value, models.string()));
  }
  return fs::absolute(value).lexically_normal().string();
}

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

fs::path bundled_below(const fs::path& prefix) {
  return prefix / "share" / "dream" / "weights" / "emoji-sd";
}

}  // namespace

std::string choose_weights(const WeightsSources& sources) {
  if (given(sources.option)) return checked(*sources.option, "--weights", sources.models);
  if (given(sources.cog_weights))
    return checked(*sources.cog_weights, "COG_WEIGHTS", sources.models);
  std::error_code error;
  const fs::path local = sources.working_folder / "weights";
  if (fs::is_regular_file(local / "model_index.json", error)) return fs::absolute(local).string();
  if (given(sources.default_weights))
    return checked(*sources.default_weights, "DREAM_DEFAULT_WEIGHTS", sources.models);
  const fs::path bundled = bundled_below(sources.prefix);
  return fs::exists(bundled, error) ? bundled.string() : no_weights;
}

std::string choose_weights(const std::optional<std::string>& option, const fs::path& models) {
  return choose_weights({option, environment("COG_WEIGHTS"), fs::current_path(),
                         environment("DREAM_DEFAULT_WEIGHTS"), models, install_prefix()});
}

fs::path bundled_weights() {
  return bundled_below(install_prefix());
}

}  // namespace dream::host

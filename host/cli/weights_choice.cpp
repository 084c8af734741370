#include "host/cli/weights_choice.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "host/base/paths.hpp"
#include "host/cli/errors.hpp"

namespace dream::host {
namespace fs = std::filesystem;
namespace {

constexpr char no_weights[] = "none";

bool given(const std::optional<std::string>& value) {
  return value.has_value() && !value->empty();
}

std::string checked(const std::string& value, const char* source) {
  if (value == no_weights) return value;
  if (value.find("://") != std::string::npos)
    throw UsageError(
        fmt::format("{}: '{}' is a URL; weights are a folder or a file on this machine, or 'none'",
                    source, value));
  std::error_code error;
  if (!fs::exists(value, error))
    throw UsageError(
        fmt::format("{}: there is no '{}'; it is a folder or a file, or 'none'", source, value));
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
  if (given(sources.option)) return checked(*sources.option, "--weights");
  if (given(sources.cog_weights)) return checked(*sources.cog_weights, "COG_WEIGHTS");
  std::error_code error;
  const fs::path local = sources.working_folder / "weights";
  if (fs::is_regular_file(local / "model_index.json", error)) return fs::absolute(local).string();
  if (given(sources.default_weights))
    return checked(*sources.default_weights, "DREAM_DEFAULT_WEIGHTS");
  const fs::path bundled = bundled_below(sources.prefix);
  return fs::exists(bundled, error) ? bundled.string() : no_weights;
}

std::string choose_weights(const std::optional<std::string>& option) {
  return choose_weights({option, environment("COG_WEIGHTS"), fs::current_path(),
                         environment("DREAM_DEFAULT_WEIGHTS"), install_prefix()});
}

fs::path bundled_weights() {
  return bundled_below(install_prefix());
}

}  // namespace dream::host

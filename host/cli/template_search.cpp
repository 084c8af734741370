#include "host/cli/template_search.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "host/base/logging.hpp"
#include "host/base/paths.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/suggestions.hpp"

namespace dream::host {
namespace fs = std::filesystem;
namespace {

constexpr char extension[] = ".so";

void add(std::vector<TemplateFile>& found, const fs::path& path) {
  TemplateFile file{path.stem().string(), fs::absolute(path)};
  const bool known = std::any_of(found.begin(), found.end(),
                                 [&](const auto& other) { return other.name == file.name; });
  if (!known) found.push_back(std::move(file));
}

void add_folder(std::vector<TemplateFile>& found, const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (entry->path().extension() == extension && entry->is_regular_file(error))
      paths.push_back(entry->path());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) add(found, path);
}

}  // namespace

std::vector<TemplateFile> find_templates(const fs::path& prefix, const std::string& search_path) {
  std::vector<TemplateFile> found;
  add_folder(found, prefix / "lib" / "dream" / "templates");
  std::stringstream entries(search_path);
  for (std::string entry; std::getline(entries, entry, ':');) {
    std::error_code error;
    if (entry.empty()) continue;
    if (fs::is_directory(entry, error))
      add_folder(found, entry);
    else if (fs::is_regular_file(entry, error))
      add(found, entry);
    else
      log_at("warning", fmt::format("DREAM_TEMPLATE_PATH: there is no '{}'", entry));
  }
  return found;
}

std::vector<TemplateFile> find_templates() {
  const char* search_path = std::getenv("DREAM_TEMPLATE_PATH");
  return find_templates(install_prefix(), search_path == nullptr ? "" : search_path);
}

TemplateFile pick_template(const std::vector<TemplateFile>& templates, const std::string& name) {
  const auto found = std::find_if(templates.begin(), templates.end(),
                                  [&](const auto& file) { return file.name == name; });
  if (found != templates.end()) return *found;
  std::error_code error;
  if (fs::path(name).extension() == extension && fs::is_regular_file(name, error))
    return {fs::path(name).stem().string(), fs::absolute(name)};
  std::vector<std::string> names;
  for (const auto& file : templates) names.push_back(file.name);
  if (names.empty())
    throw UsageError(fmt::format(
        "no template '{}': none are installed, set DREAM_TEMPLATE_PATH to a folder with .so files",
        name));
  const auto closest = closest_names(name, names);
  throw UsageError(
      fmt::format("no template '{}'{}. There are: {}", name,
                  closest.empty() ? "" : fmt::format(", did you mean '{}'", closest[0]),
                  fmt::join(names, ", ")));
}

}  // namespace dream::host

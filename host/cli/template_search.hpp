// Finds template libraries: those installed with the program, then those the user points to.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dream::host {

struct TemplateFile {
  std::string name;            // the file's name without ".so"
  std::filesystem::path path;  // absolute
};

// <prefix>/lib/dream/templates/*.so, then each entry of `search_path` (DREAM_TEMPLATE_PATH: folders
// or .so files, separated by ':'). Of two with one name the first wins. Sorted by name within each
// place. Entries that do not exist are skipped with a warning in the log.
std::vector<TemplateFile> find_templates(const std::filesystem::path& prefix,
                                         const std::string& search_path);

// The same for the running program and its environment.
std::vector<TemplateFile> find_templates();

// The one called `name`; a path of a .so file works too. Throws UsageError with the names that
// exist.
TemplateFile pick_template(const std::vector<TemplateFile>& templates, const std::string& name);

}  // namespace dream::host

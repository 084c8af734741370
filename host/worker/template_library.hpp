// A template's shared library: checked before any of its code runs, then loaded for the rest of the
// process's life (its threads and statics may outlive the last run).
#pragma once

#include <dream/abi/template.h>

#include <filesystem>

namespace dream::worker {

// Checks the ABI note and the exported entry, loads the library and checks the struct it returns.
// The result lives as long as the process. Throws std::runtime_error that names the file, what is
// wrong with it and, where there is one, the remedy.
const dream_template& load_template(const std::filesystem::path& path);

}  // namespace dream::worker

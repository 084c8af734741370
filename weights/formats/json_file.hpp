// The small JSON files of a model folder (indexes, configs), with messages that name the file.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "weights/formats/memory_map.hpp"

namespace dream::weights {

// Reads a JSON object. A UTF-8 byte order mark is skipped. The words NaN, Infinity and -Infinity,
// which Python writes for numbers that JSON does not have, are read as strings. Throws Error naming
// the path when the file is missing, larger than 64 MB, not UTF-8, not valid JSON, nested deeper
// than 64 levels, or no object.
nlohmann::json read_json_object(const std::filesystem::path& path);

// The same for bytes in memory; `file.name` is what messages call them.
nlohmann::json read_json_object(const FileBytes& file);

// Indented by two blanks. The file is there whole or not at all. Throws Error.
void write_json(const std::filesystem::path& path, const nlohmann::json& value);

}  // namespace dream::weights

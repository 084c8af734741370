// The JSON header of a safetensors file as plain records, before any of it is trusted. Parsed
// event by event, so that a hostile header of 100 MB costs no document tree.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dream::weights {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;                       // as spelled in the file
  std::vector<std::int64_t> shape;         // dimensions ≥ 0, at most 64 of them
  std::array<std::uint64_t, 2> offsets{};  // first byte and one past the last, in the data buffer
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in file order, names unique
  std::map<std::string, std::string> metadata;
};

// Throws Error; `file` is the name that messages use.
SafetensorsHeader parse_safetensors_header(std::string_view json, std::string_view file);

}  // namespace dream::weights

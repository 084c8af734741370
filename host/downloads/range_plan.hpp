// How one file is split between connections, and how far each part has come. What a state file
// keeps, so that a pull that was killed goes on where it was.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace dream::host {

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;   // one past the last byte
  std::uint64_t done = 0;  // bytes that are in the file, from `begin` on
};

struct RangePlan {
  std::string url;
  std::string etag;           // as the server gives it, or empty
  std::string last_modified;  // likewise
  std::uint64_t bytes = 0;
  std::vector<Range> ranges;
};

// Even parts without gaps: `connections` of them, fewer where a part would be under 4 MiB.
std::vector<Range> plan_ranges(std::uint64_t bytes, unsigned connections);

nlohmann::json to_json(const RangePlan& plan);
// nullopt for anything that is no plan whose ranges tile the file.
std::optional<RangePlan> plan_from_json(const nlohmann::json& json);

}  // namespace dream::host

#include "host/downloads/range_plan.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace dream::host {
namespace {

constexpr std::uint64_t smallest_part = 4ULL << 20;

}  // namespace

std::vector<Range> plan_ranges(std::uint64_t bytes, unsigned connections) {
  const std::uint64_t parts =
      std::clamp<std::uint64_t>(bytes / smallest_part, 1, std::max(connections, 1U));
  std::vector<Range> ranges;
  for (std::uint64_t i = 0; i < parts; ++i) {
    const std::uint64_t begin = ranges.empty() ? 0 : ranges.back().end;
    ranges.push_back({begin, begin + (bytes - begin) / (parts - i), 0});
  }
  return ranges;
}

nlohmann::json to_json(const RangePlan& plan) {
  nlohmann::json ranges = nlohmann::json::array();
  for (const Range& range : plan.ranges) ranges.push_back({range.begin, range.end, range.done});
  return {{"url", plan.url},
          {"etag", plan.etag},
          {"last_modified", plan.last_modified},
          {"size", plan.bytes},
          {"ranges", ranges}};
}

std::optional<RangePlan> plan_from_json(const nlohmann::json& json) {
  try {
    RangePlan plan{json.at("url"), json.at("etag"), json.value("last_modified", ""),
                   json.at("size"), {}};
    std::uint64_t next = 0;
    for (const auto& entry : json.at("ranges")) {
      const Range range{entry.at(0), entry.at(1), entry.at(2)};
      if (range.begin != next || range.end < range.begin || range.done > range.end - range.begin)
        return std::nullopt;
      next = range.end;
      plan.ranges.push_back(range);
    }
    if (next != plan.bytes || plan.ranges.empty()) return std::nullopt;
    return plan;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace dream::host

// What the engines of the workers keep in memory, from the workers' own answers.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "host/telemetry/families.hpp"

namespace dream::host {

// `answers`: "residents_result" of each worker process in the pool's order, or {"error": …}.
void add_residents(Families& families, std::int64_t budget_bytes,
                   const std::vector<nlohmann::json>& answers);

}  // namespace dream::host

// GET /metrics of the platform, in Prometheus' text format 0.0.4.
#pragma once

#include <string>

#include "host/http/server.hpp"
#include "host/storage/retention.hpp"
#include "host/storage/totals.hpp"

namespace dream::host {

inline constexpr char metrics_type[] = "text/plain; version=0.0.4; charset=utf-8";

// `totals` are of the database, and the same from every platform that shares it; the rest is of
// this process.
std::string platform_metrics(const Totals& totals, const HttpCounts& connections,
                             const Removed& removed);

}  // namespace dream::host

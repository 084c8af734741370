// How much of everything there is in a platform's database: what /metrics shows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/storage/database.hpp"

namespace dream::host {

struct Totals {
  struct Count {
    std::string name;    // of the step; else empty
    std::string status;
    std::int64_t count = 0;
  };
  std::vector<Count> trainings;
  std::vector<Count> steps;
  std::vector<Count> webhooks;
  std::int64_t models = 0;
  std::int64_t versions = 0;
  std::int64_t files = 0;  // whose bytes have come
  std::int64_t file_bytes = 0;
  std::int64_t blobs = 0;
  std::int64_t blob_bytes = 0;
};

// Looks at every row of the tables. Throws sql::Error.
Totals read_totals(sql::Pool& pool);

}  // namespace dream::host

// Weights that are named by a URL (COG_WEIGHTS, --weights): fetched through the download cache
// before the set-up, so that a server that starts again finds them on its disk.
#pragma once

#include <atomic>
#include <string>

#include "host/downloads/download_cache.hpp"

namespace dream::host {

// An http or https URL.
bool is_weights_url(const std::string& weights);

// A whole model of at most 64 GiB. Blocking. Throws std::runtime_error that says what went wrong,
// also once `canceled` is true. The file stays while the result lives.
CacheReply fetch_weights(DownloadCache& cache, const std::string& url,
                         const std::atomic<bool>& canceled, const DownloadProgress& progress = {});

}  // namespace dream::host

#include "host/downloads/fetch_weights.hpp"

#include "weights/store/check_model.hpp"

namespace dream::host {

bool is_weights_url(const std::string& weights) {
  return weights.starts_with("http://") || weights.starts_with("https://");
}

CacheReply fetch_weights(DownloadCache& cache, const std::string& url,
                         const std::atomic<bool>& canceled, const DownloadProgress& progress) {
  CacheRequest request;
  request.url = url;
  request.most_bytes = 64ULL << 30;
  request.canceled = &canceled;
  request.check = weights::check_model_file;
  if (progress) request.progress = progress;
  return cache.fetch(request);
}

}  // namespace dream::host

// Fetches a URL that a client gave as a file input. Blocking: call it off the io_context thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "host/downloads/address_rule.hpp"

namespace dream::host {

struct DownloadLimits {
  std::uint64_t bytes = 1ULL << 30;
  std::chrono::seconds connect{10};
  std::chrono::seconds stall{10};  // without any progress
  std::chrono::seconds total{300};
  AddressRule addresses = AddressRule::any;
};

// Writes the body of `url` (http or https; redirects followed, gzip undone) to a new file in
// `folder`, named after the URL's last segment, with a suffix from the content type if the name has
// none. Result: the file. Throws std::runtime_error saying what went wrong, also when `canceled`
// turns true.
std::filesystem::path download(const std::string& url, const std::filesystem::path& folder,
                               const std::atomic<bool>& canceled,
                               const DownloadLimits& limits = {});

// COG_USER_AGENT, else this program's name and version.
std::string download_user_agent();

}  // namespace dream::host

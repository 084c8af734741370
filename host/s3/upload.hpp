// A file on its way into a store: in one request, or in parts.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "host/s3/client.hpp"

namespace dream::host::s3 {

// Under a key; it is there whole, or not at all. Each request carries the SHA-256 of what it sends,
// which the store compares. Holds one part in memory. Throws BlobsUnavailable; the parts of an
// upload that failed are given back.
void upload_file(Client& client, const std::string& key, const std::filesystem::path& file);

// Gives back the parts of uploads below the prefix that began longer ago than that.
void abort_old_uploads(Client& client, std::chrono::system_clock::duration age);

}  // namespace dream::host::s3

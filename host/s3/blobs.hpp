// Blobs in an S3-compatible store, with copies of those in use in a folder here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "host/s3/address.hpp"
#include "host/storage/blobs.hpp"

namespace dream::host::s3 {

struct BlobOptions {
  Address address;
  Credentials credentials;
  std::filesystem::path folder;     // of the copies: one for each machine, as open_blob_directory()
  std::uint64_t most_local = 0;     // bytes of copies that nobody uses; 0: no limit
  AnnounceBlob announce = {};
};

// Asks the store whether the bucket is there and may be used. Throws BlobsUnavailable, and
// std::system_error for the folder. What processes that were killed have left of uploads is given
// up after a day.
std::unique_ptr<BlobStore> open_blobs(const BlobOptions& options);

}  // namespace dream::host::s3

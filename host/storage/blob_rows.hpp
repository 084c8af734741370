// The rows of blobs, by which those who refer to one and those who remove it keep out of each
// other's way, whichever processes they are in. The rule: who stores a blob announces it before it
// is there; who refers to one writes its row in the transaction that records the reference; and who
// removes one dooms it first, where nothing refers to it, and holds its row until it is gone.
#pragma once

#include <string>

#include "host/storage/blobs.hpp"
#include "host/storage/clock.hpp"
#include "host/storage/database.hpp"

namespace dream::host {

// A blob that is to be referred to was removed in the meantime: it has to be stored again.
struct BlobGone : BlobsUnavailable {
  using BlobsUnavailable::BlobsUnavailable;
};

// It is about to be stored, and stays for `grace` microseconds without a reference. One that was
// doomed no longer is.
void announce_blob(sql::Pool& pool, const Blob& blob, Micros grace);

// Part of a transaction that records a reference to it. `stored`: this is what it was announced and
// stored for. Throws BlobGone.
enum class BlobUse { known, stored };
void use_blob(sql::Database& database, const std::string& sha256, BlobUse use = BlobUse::known);

}  // namespace dream::host

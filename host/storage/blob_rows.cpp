#include "host/storage/blob_rows.hpp"

namespace dream::host {

void announce_blob(sql::Pool& pool, const Blob& blob, Micros grace) {
  pool.transact([&](sql::Database& database) {
    database.run("INSERT INTO blobs (sha256, bytes, pending, pending_until) VALUES ($1, $2, 1, $3) "
                 "ON CONFLICT (sha256) DO UPDATE SET is_doomed = 0, bytes = excluded.bytes, "
                 "pending = blobs.pending + 1, pending_until = excluded.pending_until",
                 blob.sha256, blob.bytes, now_micros() + grace);
  });
}

void use_blob(sql::Database& database, const std::string& sha256, BlobUse use) {
  // Written in any case: whoever removes it waits for us, or we find it doomed.
  const auto held = database.run(
      "UPDATE blobs SET pending = CASE WHEN pending > $1 THEN pending - $1 ELSE 0 END "
      "WHERE sha256 = $2 AND is_doomed = 0",
      use == BlobUse::stored ? 1 : 0, sha256);
  if (held.changed == 0)
    throw BlobGone("the blob " + sha256 + " was removed before it could be used");
}

}  // namespace dream::host

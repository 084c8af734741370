// One blob on its way into a repository (distribution-spec, "Pushing blobs"): not at all when it is
// there, by a mount from another repository, in one request, or in pieces that go on after a drop.
#pragma once

#include <string>
#include <vector>

#include "host/base/unique_fd.hpp"
#include "host/oci/patience.hpp"
#include "host/oci/registry.hpp"
#include "host/oci/upload_memory.hpp"

namespace dream::host::oci {

enum class BlobArrival { was_there, mounted, uploaded };

// How the repository came to the blob without its bytes: it had it, or one of `mount_from` (other
// repositories of the registry) gave it. nullopt when it must be uploaded. Throws what
// Registry::send() throws.
std::optional<BlobArrival> place_without_upload(Registry& registry, const std::string& repository,
                                                const Descriptor& descriptor,
                                                const std::vector<std::string>& mount_from);

class BlobUpload {
 public:
  // `file` holds the blob.
  BlobUpload(Registry& registry, std::string repository, Descriptor descriptor,
             const std::filesystem::path& file);

  // Throws UnreachableError when the registry does not take it for all tries, RegistryError with
  // its words when it refuses, Error when it mistakes the blob for another.
  void run();

 private:
  struct Step {
    std::string problem;  // empty: it went well
    std::chrono::seconds asked{};
  };

  Scopes scopes() const;
  HttpAnswer send(const HttpRequest& request);
  HttpRequest body_request(const std::string& method, const std::string& url, std::uint64_t bytes);
  void begin();
  void ask_status();
  Step attempt();
  Step send_piece();
  Step commit();
  void drop_session();
  Step bad_piece(const HttpAnswer& answer);

  Registry& registry_;
  std::string repository_;
  Descriptor descriptor_;
  UniqueFd file_;
  UploadMemory memory_;
  std::string step_;            // for progress
  std::string location_;        // of the session; empty: none
  std::uint64_t offset_ = 0;    // what the registry has of the blob
  std::uint64_t furthest_ = 0;  // that was ever reached
  std::uint64_t chunk_bytes_;
  bool in_one_ = false;  // the registry takes no pieces
  bool done_ = false;
  unsigned restarts_ = 0;        // sessions that were given up
  unsigned refused_pieces_ = 0;  // with a 416
};

// "0-1023" or "bytes=0-1023": what comes behind the last byte; nullopt for anything else.
std::optional<std::uint64_t> end_of_range(const std::string& range);

}  // namespace dream::host::oci

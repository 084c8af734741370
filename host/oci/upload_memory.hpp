// How far uploads have come, kept on disk so that another process goes on with them. One small file
// for each blob on its way to a repository.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "host/oci/manifest.hpp"

namespace dream::host::oci {

class UploadMemory {
 public:
  // `folder` empty: nothing is kept.
  UploadMemory(const std::filesystem::path& folder, const std::string& registry,
               const std::string& repository, const Descriptor& descriptor);

  // The address of the upload that was begun; registries say themselves how far it is. nullopt for
  // none, and for anything that cannot be read.
  std::optional<std::string> load() const;
  // Failures are nobody's loss but time's.
  void save(const std::string& location) const;
  void forget() const;

 private:
  std::filesystem::path path_;
};

}  // namespace dream::host::oci

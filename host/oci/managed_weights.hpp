// Cog's managed weights: the files as an artifact of their own beside the image, in layers that can
// be fetched and unpacked in any order, bound to it by an index (Cog, specs/draft-weights.md).
#pragma once

#include <string>
#include <vector>

#include "host/oci/layer.hpp"
#include "host/oci/layout.hpp"

namespace dream::host::oci {

struct ManagedWeights {
  Descriptor manifest{"", Digest::of(""), 0};
  Digest set_digest = Digest::of("");  // of the files, however they are packed
  std::uint64_t bytes = 0;             // of the files
};

// Whether `name` may name managed weights: small letters, digits and dashes between them.
bool is_weights_name(const std::string& name);

// Writes the artifact's blobs into `into`. `files` have paths below /src/weights. Files of 64 MiB
// and more get a plain layer each; smaller ones share gzip layers of up to 256 MiB.
ManagedWeights write_managed_weights(const std::string& name, const std::vector<LayerFile>& files,
                                     Layout& into, const Control& control);

// /.cog/weights.json of the image: which weights it waits for.
std::string weights_json(const std::string& name, const ManagedWeights& weights);

// The index of image and weights. `config` tells the image's platform.
std::string bundle_index(const Descriptor& image, const Document& config, const std::string& name,
                         const ManagedWeights& weights);

}  // namespace dream::host::oci

// One more layer on an image: its config and manifest, edited and otherwise untouched. Everything
// but the new layer's digests comes from the base, so that equal weights on an equal base give an
// equal image, whenever and wherever it is made.
#pragma once

#include <map>
#include <string>

#include "host/oci/layer.hpp"
#include "host/oci/manifest.hpp"

namespace dream::host::oci {

struct AppendRequest {
  std::string base_manifest;  // bytes
  std::string base_config;
  Digest base_digest = Digest::of("");  // of base_manifest
  Layer layer;
  std::string created_by;                          // of the history: what made the layer
  std::map<std::string, std::string> annotations;  // of the manifest
  bool as_oci = false;                             // whatever the base's family
};

struct AppendedImage {
  std::string manifest;
  std::string manifest_type;
  std::string config;
  std::string config_type;
};

// The family of the base is kept unless `as_oci` is set. Docker's has neither zstd nor annotations:
// where one is asked for, too, the image becomes an OCI image with the same layers. An OCI manifest
// gets the annotation org.opencontainers.image.base.digest. Times are the base's own "created", or
// 1970 where it has none. Throws InputError for a base that is no image, or whose layers and
// diff_ids do not match.
AppendedImage append_layer(const AppendRequest& request, const std::string& where);

// Labels of a config ("config"."Labels"); what are no texts is left out.
std::map<std::string, std::string> labels_of(const Document& config, const std::string& where);

}  // namespace dream::host::oci

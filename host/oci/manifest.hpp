// Manifests and indexes of images, in both families: OCI image-spec 1.1 and Docker's image manifest
// version 2, schema 2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/oci/digest.hpp"
#include "host/oci/document.hpp"

namespace dream::host::oci {

namespace media_type {
inline constexpr char oci_manifest[] = "application/vnd.oci.image.manifest.v1+json";
inline constexpr char oci_index[] = "application/vnd.oci.image.index.v1+json";
inline constexpr char oci_config[] = "application/vnd.oci.image.config.v1+json";
inline constexpr char oci_layer[] = "application/vnd.oci.image.layer.v1.tar";  // "+gzip", "+zstd"
inline constexpr char docker_manifest[] = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr char docker_index[] = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr char docker_config[] = "application/vnd.docker.container.image.v1+json";
inline constexpr char docker_layer[] = "application/vnd.docker.image.rootfs.diff.tar";  // ".gzip"
}  // namespace media_type

// What a client must say it takes, or registries hide what they hold.
inline constexpr char accepted_manifests[] =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json";

struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t bytes = 0;
};

Document to_document(const Descriptor& descriptor);
// Throws InputError naming `where`: a media type, a sha256 digest and a size are needed.
Descriptor parse_descriptor(const Document& document, const std::string& where);

// A manifest or index as it lies in a registry or a layout: the bytes are what its digest is of.
struct Manifest {
  Descriptor descriptor;
  std::string bytes;

  bool is_index() const;
};

// What bytes say they are: "mediaType", else by their members. `told` is what the registry or the
// layout calls them (may be empty). Throws InputError for Docker's schema 1, other kinds, and when
// both are told and differ.
std::string manifest_media_type(const Document& document, const std::string& told,
                                const std::string& where);

struct ImageManifest {
  bool is_docker = false;  // else OCI
  Descriptor config;
  std::vector<Descriptor> layers;
  std::string artifact_type;  // empty for an image
};

// Throws InputError naming what is missing or malformed.
ImageManifest parse_image_manifest(const Document& document, const std::string& where);

struct Platform {
  std::string os = "linux";
  std::string architecture = "amd64";
  std::string variant;  // empty: any

  std::string text() const;
  // "linux/arm64", "linux/arm/v7". Throws InputError.
  static Platform parse(std::string_view text);
};

// The descriptors of an index, in order. Throws InputError.
std::vector<Descriptor> parse_index(const Document& document, const std::string& where);
// The one for `platform`: the first that names it, else the only one that names no platform. Throws
// InputError that lists what there is.
Descriptor choose_platform(const Document& index, const Platform& platform,
                           const std::string& where);

}  // namespace dream::host::oci

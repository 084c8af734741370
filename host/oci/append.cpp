#include "host/oci/append.hpp"

#include <fmt/format.h>

#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

constexpr char epoch[] = "1970-01-01T00:00:00Z";
constexpr char base_digest_key[] = "org.opencontainers.image.base.digest";

std::string layer_type(bool docker, Compression compression) {
  switch (compression) {
    case Compression::gzip:
      return docker ? std::string(media_type::docker_layer) + ".gzip"
                    : std::string(media_type::oci_layer) + "+gzip";
    case Compression::zstd:
      return std::string(media_type::oci_layer) + "+zstd";
    case Compression::none:
      break;
  }
  return docker ? media_type::docker_layer : media_type::oci_layer;
}

// What a layer of Docker's family is called in OCI's.
std::string as_oci(const std::string& type, const std::string& where) {
  const std::string tar = media_type::docker_layer;
  if (type == tar) return media_type::oci_layer;
  if (type == tar + ".gzip") return std::string(media_type::oci_layer) + "+gzip";
  if (type == tar + ".zstd") return std::string(media_type::oci_layer) + "+zstd";
  if (type.starts_with(media_type::oci_layer)) return type;
  throw InputError(
      fmt::format("{}: a layer of type {} has no place in an OCI image; Docker's form can be kept, "
                  "without zstd "
                  "and annotations",
                  where, type));
}

void become_oci(Document& manifest, const std::string& where) {
  manifest["config"]["mediaType"] = media_type::oci_config;
  for (Document& layer : manifest["layers"])
    layer["mediaType"] = as_oci(layer["mediaType"].get<std::string>(), where);
}

void edit_config(Document& config, const AppendRequest& request, std::size_t layers,
                 const std::string& where) {
  const Document* const rootfs = object_member(config, "rootfs", where);
  const Document* const ids =
      rootfs != nullptr ? array_member(*rootfs, "diff_ids", where) : nullptr;
  if (ids == nullptr) throw InputError(fmt::format("{}: has no \"rootfs\".\"diff_ids\"", where));
  if (ids->size() != layers)
    throw InputError(fmt::format("{}: {} layers in the manifest, but {} \"diff_ids\"", where,
                                 layers, ids->size()));
  const bool tells_history = array_member(config, "history", where) != nullptr;
  if (text_member(config, "created", where).empty()) config["created"] = epoch;
  config["rootfs"]["diff_ids"].push_back(request.layer.diff_id.text());
  // A base that does not tell its history cannot be given one that counts up to its layers.
  if (!tells_history && layers > 0) return;
  config["history"].push_back({{"created", config["created"]}, {"created_by", request.created_by}});
}

void edit_manifest(Document& manifest, const AppendRequest& request, const AppendedImage& image,
                   bool docker) {
  manifest["config"]["digest"] = Digest::of(image.config).text();
  manifest["config"]["size"] = image.config.size();
  manifest["config"].erase("data");  // an embedded copy would be the old one's
  manifest["layers"].push_back(to_document(
      {layer_type(docker, request.layer.compression), request.layer.digest, request.layer.bytes}));
  if (docker) return;
  manifest["annotations"][base_digest_key] = request.base_digest.text();
  for (const auto& [key, value] : request.annotations) manifest["annotations"][key] = value;
}

}  // namespace

AppendedImage append_layer(const AppendRequest& request, const std::string& where) {
  Document manifest = parse_document(request.base_manifest, where);
  Document config = parse_document(request.base_config, where + ": config");
  manifest_media_type(manifest, "", where);
  const ImageManifest base = parse_image_manifest(manifest, where);
  if (!base.artifact_type.empty())
    throw InputError(
        fmt::format("{}: is an artifact of type {}, not an image", where, base.artifact_type));
  object_member(manifest, "annotations", where);
  const bool docker = base.is_docker && !request.as_oci && request.annotations.empty() &&
                      request.layer.compression != Compression::zstd;
  if (!docker && base.is_docker) become_oci(manifest, where);
  if (!docker) manifest["mediaType"] = media_type::oci_manifest;  // may be left out, but no more
  AppendedImage image;
  edit_config(config, request, base.layers.size(), where + ": config");
  image.config = write_document(config, where + ": config");
  image.config_type = manifest["config"]["mediaType"].get<std::string>();
  edit_manifest(manifest, request, image, docker);
  image.manifest = write_document(manifest, where);
  image.manifest_type = docker ? media_type::docker_manifest : media_type::oci_manifest;
  return image;
}

std::map<std::string, std::string> labels_of(const Document& config, const std::string& where) {
  std::map<std::string, std::string> found;
  const Document* const inner = object_member(config, "config", where);
  const Document* const labels =
      inner != nullptr ? object_member(*inner, "Labels", where) : nullptr;
  if (labels == nullptr) return found;
  for (const auto& [key, value] : labels->items())
    if (value.is_string()) found[key] = value.get<std::string>();
  return found;
}

}  // namespace dream::host::oci

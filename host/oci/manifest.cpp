#include "host/oci/manifest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>

#include "host/base/text.hpp"
#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

constexpr std::size_t most_entries = 4096;  // layers of an image, images of an index
constexpr std::size_t longest_media_type = 255;
constexpr std::uint64_t most_bytes = INT64_MAX;  // what a file can have

std::string without_parameters(const std::string& media_type) {
  return lower(trimmed(std::string_view(media_type).substr(0, media_type.find(';'))));
}

bool is_known(const std::string& media_type) {
  return media_type == media_type::oci_manifest || media_type == media_type::oci_index ||
         media_type == media_type::docker_manifest || media_type == media_type::docker_index;
}

const Document& entries_of(const Document& document, const char* key, const std::string& where) {
  const Document* const list = array_member(document, key, where);
  if (list == nullptr) throw InputError(fmt::format("{}: has no \"{}\"", where, key));
  if (list->size() > most_entries)
    throw InputError(fmt::format("{}: {} {} are more than the {} that are allowed", where,
                                 list->size(), key, most_entries));
  return *list;
}

Platform platform_of(const Document& entry, const std::string& where) {
  const Document* const platform =
      entry.is_object() ? object_member(entry, "platform", where) : nullptr;
  if (platform == nullptr) return {"", "", ""};
  return {text_member(*platform, "os", where), text_member(*platform, "architecture", where),
          text_member(*platform, "variant", where)};
}

}  // namespace

Document to_document(const Descriptor& descriptor) {
  return {{"mediaType", descriptor.media_type},
          {"digest", descriptor.digest.text()},
          {"size", descriptor.bytes}};
}

Descriptor parse_descriptor(const Document& document, const std::string& where) {
  if (!document.is_object()) throw InputError(fmt::format("{}: must be an object", where));
  const std::string media_type = text_member(document, "mediaType", where);
  if (media_type.empty() || media_type.size() > longest_media_type)
    throw InputError(fmt::format("{}: \"mediaType\" must be a text of 1 to {} characters", where,
                                 longest_media_type));
  const std::string text = text_member(document, "digest", where);
  const auto digest = Digest::parse(text);
  if (!digest)
    throw InputError(
        fmt::format("{}: \"digest\" is '{}', expected sha256: and 64 lower-case "
                    "hexadecimal digits",
                    where, valid_utf8(text.substr(0, 100))));
  const auto size = document.find("size");
  if (size == document.end() || !size->is_number_integer() ||
      (size->is_number_unsigned() ? size->get<std::uint64_t>() > most_bytes
                                  : size->get<std::int64_t>() < 0))
    throw InputError(fmt::format("{}: \"size\" must be a number of bytes", where));
  return {media_type, *digest, size->get<std::uint64_t>()};
}

bool Manifest::is_index() const {
  return descriptor.media_type == media_type::oci_index ||
         descriptor.media_type == media_type::docker_index;
}

std::string manifest_media_type(const Document& document, const std::string& told,
                                const std::string& where) {
  const auto version = document.find("schemaVersion");
  if (version == document.end() || *version != 2)
    throw InputError(fmt::format(
        "{}: {}", where,
        version != document.end() && *version == 1
            ? "is a manifest of Docker's schema 1, which no registry takes any more: push the "
              "image again with a tool of today"
            : "\"schemaVersion\" must be 2"));
  const std::string said = text_member(document, "mediaType", where);
  const std::string outside = without_parameters(told);
  // OCI's may leave out what they are, Docker's may not.
  const bool must_say = outside == media_type::docker_manifest ||
                        outside == media_type::docker_index || !said.empty();
  if (must_say && is_known(outside) && said != outside)
    throw InputError(fmt::format("{}: calls itself '{}' but is served as {}", where,
                                 valid_utf8(said.substr(0, 100)), outside));
  std::string type = !said.empty() ? said : is_known(outside) ? outside : "";
  if (type.empty())
    type = document.contains("manifests") ? media_type::oci_index : media_type::oci_manifest;
  if (!is_known(type))
    throw InputError(fmt::format("{}: is of type {}, expected a manifest or an index of images",
                                 where, valid_utf8(type.substr(0, 100))));
  return type;
}

ImageManifest parse_image_manifest(const Document& document, const std::string& where) {
  ImageManifest manifest{false, {"", Digest::of(""), 0}, {}, ""};
  manifest.is_docker = text_member(document, "mediaType", where) == media_type::docker_manifest;
  const Document* const config = object_member(document, "config", where);
  if (config == nullptr) throw InputError(fmt::format("{}: has no \"config\"", where));
  manifest.config = parse_descriptor(*config, where + ": config");
  std::size_t number = 0;
  for (const Document& layer : entries_of(document, "layers", where))
    manifest.layers.push_back(
        parse_descriptor(layer, fmt::format("{}: layer {}", where, ++number)));
  manifest.artifact_type = text_member(document, "artifactType", where);
  if (manifest.artifact_type.empty() && manifest.config.media_type != media_type::oci_config &&
      manifest.config.media_type != media_type::docker_config)
    manifest.artifact_type = manifest.config.media_type;
  return manifest;
}

std::string Platform::text() const {
  return fmt::format("{}/{}{}", os, architecture, variant.empty() ? "" : "/" + variant);
}

Platform Platform::parse(std::string_view text) {
  std::vector<std::string> parts;
  any_part(text, '/', [&](std::string_view part) {
    parts.emplace_back(part);
    return parts.size() > 3;
  });
  const bool sound = parts.size() >= 2 && parts.size() <= 3 &&
                     std::ranges::none_of(parts, [](const std::string& p) { return p.empty(); });
  if (!sound)
    throw InputError(
        fmt::format("'{}' is no platform: expected OS/ARCHITECTURE[/VARIANT], for "
                    "example linux/amd64",
                    valid_utf8(text)));
  return {parts[0], parts[1], parts.size() == 3 ? parts[2] : ""};
}

std::vector<Descriptor> parse_index(const Document& document, const std::string& where) {
  std::vector<Descriptor> found;
  for (const Document& entry : entries_of(document, "manifests", where))
    found.push_back(parse_descriptor(entry, fmt::format("{}: image {}", where, found.size() + 1)));
  return found;
}

Descriptor choose_platform(const Document& index, const Platform& platform,
                           const std::string& where) {
  const std::vector<Descriptor> descriptors = parse_index(index, where);
  std::vector<std::string> there;
  std::vector<std::size_t> nameless;
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    const Platform offered = platform_of(index["manifests"][i], where);
    if (offered.os.empty() && offered.architecture.empty()) {
      nameless.push_back(i);
      continue;
    }
    there.push_back(valid_utf8(offered.text()));
    if (offered.os == platform.os && offered.architecture == platform.architecture &&
        (platform.variant.empty() || offered.variant == platform.variant))
      return descriptors[i];
  }
  if (there.empty() && nameless.size() == 1) return descriptors[nameless.front()];
  if (there.size() > 20) there.resize(20);
  throw InputError(fmt::format("{}: has no image for {}; {}", where, platform.text(),
                               there.empty() ? "its images name no platform"
                                             : fmt::format("there is {}", fmt::join(there, ", "))));
}

}  // namespace dream::host::oci

#include "host/oci/managed_weights.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

constexpr std::uint64_t own_layer_bytes = 64ULL << 20;  // and more: a layer of its own
constexpr std::uint64_t bundle_bytes = 256ULL << 20;    // of the files of a shared layer
constexpr char target[] = "/src/weights";
constexpr char artifact_type[] = "application/vnd.cog.weight.v1";
constexpr char config_type[] = "application/vnd.cog.weight.config.v1+json";
constexpr char name_key[] = "run.cog.weight.name";
constexpr char target_key[] = "run.cog.weight.target";
constexpr char set_digest_key[] = "run.cog.weight.set-digest";
constexpr char size_key[] = "run.cog.weight.size.uncompressed";

struct Pack {
  std::vector<LayerFile> files;
  std::uint64_t bytes = 0;
  Compression compression = Compression::none;
};

std::vector<Pack> pack(const std::vector<LayerFile>& files) {
  std::vector<Pack> bundles, singles;
  for (const LayerFile& file : files) {
    if (file.bytes >= own_layer_bytes) {
      singles.push_back({{file}, file.bytes, Compression::none});
      continue;
    }
    if (bundles.empty() || file.bytes > bundle_bytes - bundles.back().bytes)
      bundles.push_back({{}, 0, Compression::gzip});
    bundles.back().files.push_back(file);
    bundles.back().bytes += file.bytes;
  }
  bundles.insert(bundles.end(), singles.begin(), singles.end());
  return bundles;
}

// The same files, with the digest of each taken on the way.
std::vector<LayerFile> digested(const std::vector<LayerFile>& files,
                                std::map<std::string, Digest>& digests) {
  std::vector<LayerFile> watched = files;
  for (LayerFile& file : watched)
    file.read = [read = file.read, path = file.path, &digests](const Take& take) {
      Sha256 sum;
      read([&](std::span<const std::byte> piece) {
        sum.update(piece);
        take(piece);
      });
      digests.insert_or_assign(path, sum.finish());
    };
  return watched;
}

// Of what `sha256sum` prints for the files, in order of their paths.
Digest set_digest_of(const std::map<std::string, Digest>& digests) {
  std::vector<std::string> lines;
  for (const auto& [path, digest] : digests)
    lines.push_back(fmt::format("{}  {}", digest.hex(), path));
  return Digest::of(fmt::format("{}", fmt::join(lines, "\n")));
}

}  // namespace

bool is_weights_name(const std::string& name) {
  return !name.empty() && name.size() <= 64 && !name.starts_with('-') && !name.ends_with('-') &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

ManagedWeights write_managed_weights(const std::string& name, const std::vector<LayerFile>& files,
                                     Layout& into, const Control& control) {
  ManagedWeights weights;
  std::map<std::string, Digest> digests;
  Document layers = Document::array(), entries = Document::array();
  std::map<std::string, std::string> layer_of;
  const std::vector<Pack> packs = pack(files);
  for (std::size_t i = 0; i < packs.size(); ++i) {
    const auto file = into.new_file();
    FileSink sink(file);
    const Layer layer = write_layer(
        digested(packs[i].files, digests), packs[i].compression,
        [&](std::span<const std::byte> piece) { sink.write(piece); }, control,
        fmt::format("packing weights {}/{}", i + 1, packs.size()));
    sink.close();
    into.adopt(file, layer.digest);
    const bool gzip = packs[i].compression == Compression::gzip;
    layers.push_back(to_document(
        {std::string(media_type::oci_layer) + (gzip ? "+gzip" : ""), layer.digest, layer.bytes}));
    layers.back()["annotations"] = {{size_key, std::to_string(packs[i].bytes)}};
    for (const LayerFile& packed : packs[i].files) layer_of[packed.path] = layer.digest.text();
    weights.bytes += packs[i].bytes;
  }
  weights.set_digest = set_digest_of(digests);
  for (const LayerFile& file : files)
    entries.push_back({{"path", file.path},
                       {"layer", layer_of.at(file.path)},
                       {"size", file.bytes},
                       {"digest", digests.at(file.path).text()}});
  const Document config = {{"name", name},
                           {"target", target},
                           {"setDigest", weights.set_digest.text()},
                           {"files", entries}};
  const Document manifest = {
      {"schemaVersion", 2},
      {"mediaType", media_type::oci_manifest},
      {"artifactType", artifact_type},
      {"config", to_document(into.write(write_document(config, name), config_type))},
      {"layers", layers},
      {"annotations",
       {{name_key, name}, {target_key, target}, {set_digest_key, weights.set_digest.text()}}}};
  weights.manifest = into.write(write_document(manifest, name), media_type::oci_manifest);
  return weights;
}

std::string weights_json(const std::string& name, const ManagedWeights& weights) {
  const Document entry = {
      {"name", name}, {"target", target}, {"setDigest", weights.set_digest.text()}};
  return write_document({{"weights", Document::array({entry})}}, name);
}

std::string bundle_index(const Descriptor& image, const Document& config, const std::string& name,
                         const ManagedWeights& weights) {
  Document first = to_document(image);
  for (const char* const key : {"os", "architecture", "variant"})
    if (const std::string value = text_member(config, key, "config"); !value.empty())
      first["platform"][key] = value;
  Document second = to_document(weights.manifest);
  second["artifactType"] = artifact_type;
  second["platform"] = {{"os", "unknown"}, {"architecture", "unknown"}};
  second["annotations"] = {{name_key, name},
                           {set_digest_key, weights.set_digest.text()},
                           {size_key, std::to_string(weights.bytes)}};
  return write_document({{"schemaVersion", 2},
                         {"mediaType", media_type::oci_index},
                         {"manifests", Document::array({first, second})}},
                        name);
}

}  // namespace dream::host::oci

#include "weights/store/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "weights/formats/json_file.hpp"
#include "weights/formats/text.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

std::string text_of(const json& object, const char* key, const std::string& where,
                    bool required = true) {
  const auto entry = object.find(key);
  if (entry == object.end() && !required) return {};
  if (entry == object.end() || !entry->is_string() || entry->get_ref<const std::string&>().empty())
    throw Error(fmt::format("{}: \"{}\" must be a text that is not empty", where, key));
  return entry->get<std::string>();
}

bool is_url(const std::string& text) {
  return (text.starts_with("https://") || text.starts_with("http://")) &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
}

bool is_name(const std::string& text) {
  return !text.starts_with('.') && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

// Relative, plain segments only, and none that begins with a dot: those are the store's own.
bool is_plain_path(const std::string& text) {
  if (text.find_first_of(std::string_view("\\\0", 2)) != std::string::npos) return false;
  const fs::path path(text);
  return path.is_relative() && path.has_filename() && text.find("//") == std::string::npos &&
         std::ranges::none_of(path,
                              [](const fs::path& part) { return part.string().starts_with('.'); });
}

bool is_digest(const std::string& text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

ManifestFile parse_file(const json& entry, const std::string& where) {
  if (!entry.is_object()) throw Error(fmt::format("{}: must be an object", where));
  ManifestFile file{text_of(entry, "url", where), text_of(entry, "path", where), {}, {}};
  if (!is_url(file.url))
    throw Error(fmt::format("{}: \"url\" is '{}', expected http:// or https://", where,
                            printable(file.url)));
  if (!is_plain_path(file.path))
    throw Error(fmt::format("{}: \"path\" is '{}', expected a relative path of plain names", where,
                            printable(file.path)));
  if (const auto size = entry.find("size"); size != entry.end()) {
    if (!size->is_number_unsigned())
      throw Error(fmt::format("{}: \"size\" must be a number of bytes", where));
    file.bytes = size->get<std::uint64_t>();
  }
  if (entry.contains("sha256")) file.sha256 = text_of(entry, "sha256", where);
  if (file.sha256 && !is_digest(*file.sha256))
    throw Error(fmt::format("{}: \"sha256\" is '{}', expected 64 lower-case hexadecimal digits",
                            where, printable(*file.sha256)));
  return file;
}

}  // namespace

Manifest parse_manifest(const json& object, const std::string& where) {
  if (!object.is_object()) throw Error(fmt::format("{}: a manifest is a JSON object", where));
  Manifest manifest;
  manifest.name = text_of(object, "name", where);
  if (!is_name(manifest.name))
    throw Error(fmt::format("{}: \"name\" is '{}', allowed are a-z, 0-9, '-', '_' and inner dots",
                            where, printable(manifest.name)));
  manifest.description = text_of(object, "description", where);
  manifest.kind = text_of(object, "kind", where);
  manifest.license = text_of(object, "license", where);
  manifest.license_url = text_of(object, "license_url", where, false);
  manifest.source = text_of(object, "source", where);
  const auto files = object.find("files");
  if (files == object.end() || !files->is_array() || files->empty())
    throw Error(fmt::format("{}: \"files\" must be a list that is not empty", where));
  std::set<std::string> paths;
  for (std::size_t i = 0; i < files->size(); ++i) {
    const std::string place = fmt::format("{}: files[{}]", where, i);
    manifest.files.push_back(parse_file(files->at(i), place));
    if (!paths.insert(manifest.files.back().path).second)
      throw Error(fmt::format("{}: \"path\" '{}' is there twice", place,
                              manifest.files.back().path));
  }
  return manifest;
}

Manifest read_manifest(const fs::path& path) {
  return parse_manifest(read_json_object(path), path.string());
}

std::vector<Manifest> read_manifests(const fs::path& folder) {
  std::vector<Manifest> manifests;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".json") continue;
    manifests.push_back(read_manifest(entry.path()));
    if (manifests.back().name != entry.path().stem())
      throw Error(fmt::format("{}: \"name\" is '{}', expected the file's own name",
                              entry.path().string(), manifests.back().name));
  }
  std::ranges::sort(manifests, {}, &Manifest::name);
  return manifests;
}

}  // namespace dream::weights

#include "weights/formats/torch_zip.hpp"

#include <fmt/core.h>

#include "weights/formats/pickle.hpp"
#include "weights/formats/text.hpp"
#include "weights/formats/torch_flatten.hpp"
#include "weights/formats/zip_archive.hpp"

namespace dream::weights {
namespace {

// The folder inside the archive, with its slash: torch names it after the file.
std::string find_prefix(const ZipArchive& archive, const std::string& file) {
  std::string prefix;
  bool found = false;
  for (const auto& [name, entry] : archive.entries()) {
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos || name.substr(slash) != "/data.pkl") continue;
    if (found) throw Error(fmt::format("{}: holds more than one data.pkl", file));
    prefix = name.substr(0, slash + 1);
    found = true;
  }
  if (!found)
    throw Error(
        fmt::format("{}: a zip archive without data.pkl was not written by torch.save", file));
  if (archive.has(prefix + "constants.pkl"))
    throw Error(
        fmt::format("{}: is a TorchScript archive; save its state_dict with torch.save", file));
  return prefix;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

WeightFile read_torch_zip(const FileBytes& bytes) {
  const ZipArchive archive = ZipArchive::open(bytes);
  const std::string prefix = find_prefix(archive, bytes.name);
  if (archive.has(prefix + "byteorder")) {
    const std::string_view order = as_text(archive.read(prefix + "byteorder"));
    if (order != "little")
      throw Error(fmt::format("{}: byte order is '{}', only little-endian files can be read",
                              bytes.name, printable(order)));
  }
  const std::string pickle_name = prefix + "data.pkl";
  const pickle::Document document = pickle::read(
      archive.read(pickle_name), fmt::format("{}: {}", bytes.name, printable(pickle_name)));
  const auto read_storage = [&](const std::string& key) -> StorageBytes {
    return {archive.read(prefix + "data/" + key), bytes.owner};
  };
  return flatten_torch(bytes, Format::torch_zip, document, read_storage);
}

}  // namespace dream::weights

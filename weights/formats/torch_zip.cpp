#include "weights/formats/torch_zip.hpp"

#include <fmt/core.h>

#include <map>

#include "weights/formats/pickle.hpp"
#include "weights/formats/text.hpp"
#include "weights/formats/torch_flatten.hpp"
#include "weights/formats/zip_archive.hpp"

namespace dream::weights {
namespace {

constexpr std::uint64_t max_unpacked = 256u << 20;  // of deflated storages in a small file

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
    const FileBytes content = archive.read(prefix + "byteorder");
    const std::string_view order = as_text(content.data);
    if (order != "little")
      throw Error(fmt::format("{}: byte order is '{}', only little-endian files can be read",
                              bytes.name, printable(order)));
  }
  const std::string pickle_name = prefix + "data.pkl";
  const FileBytes object = archive.read(pickle_name);
  const pickle::Document document = pickle::read(object.data, object.name);
  // A deflated storage is unpacked once, however many tensors share it. What may be unpacked in all
  // is bounded by the file's size.
  std::map<std::string, StorageBytes, std::less<>> unpacked;
  std::uint64_t unpacked_bytes = 0;
  const auto read_storage = [&](const std::string& key) -> StorageBytes {
    if (const auto found = unpacked.find(key); found != unpacked.end()) return found->second;
    const std::string entry = prefix + "data/" + key;
    const auto listed = archive.entries().find(entry);
    const bool packed = listed != archive.entries().end() && listed->second.method != 0;
    if (packed) unpacked_bytes += listed->second.plain_bytes;
    if (unpacked_bytes > max_unpacked && unpacked_bytes / 64 > bytes.data.size())
      throw Error(fmt::format("{}: unpacks to more than {} bytes and 64 times its size",
                              bytes.name, max_unpacked));
    const FileBytes content = archive.read(entry);
    const StorageBytes storage{content.data, content.owner};
    return packed ? unpacked.emplace(key, storage).first->second : storage;
  };
  return flatten_torch(bytes, Format::torch_zip, document, read_storage);
}

}  // namespace dream::weights

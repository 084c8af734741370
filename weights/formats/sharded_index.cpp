#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <set>

#include "weights/formats/json_file.hpp"
#include "weights/formats/safetensors.hpp"
#include "weights/formats/text.hpp"

namespace dream::weights {
namespace {

// A shard is a plain file name beside its index: whatever could lead out of the folder is refused.
void check_shard_name(const std::string& shard, const std::string& index) {
  const bool plain = !shard.empty() && shard != "." && shard != ".." &&
                     shard.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
  if (!plain) {
    throw Error(fmt::format("{}: shard '{}' is not a plain file name in the same folder", index,
                            printable(shard)));
  }
}

}  // namespace

WeightFile read_sharded_index(const FileBytes& file, const OpenShard& open) {
  const nlohmann::json index = read_json_object(file);
  const auto weight_map = index.find("weight_map");
  if (weight_map == index.end() || !weight_map->is_object())
    throw Error(
        fmt::format("{}: has no 'weight_map' object, so it is no index of shards", file.name));

  std::map<std::string, std::set<std::string>> names_by_shard;
  for (const auto& [name, shard] : weight_map->items()) {
    if (!shard.is_string())
      throw Error(
          fmt::format("{}: weight_map of '{}' is not a string", file.name, printable(name)));
    check_shard_name(shard.get_ref<const std::string&>(), file.name);
    names_by_shard[shard.get<std::string>()].insert(name);
  }

  WeightFile result;
  for (const auto& [shard, names] : names_by_shard) {
    const std::optional<FileBytes> bytes = open(shard);
    if (!bytes) throw Error(fmt::format("{}: shard {} is missing", file.name, printable(shard)));
    WeightFile part = read_weight_bytes(*bytes);
    result.format = part.format;
    for (const std::string& name : names) {
      auto tensor = part.tensors.extract(name);
      if (tensor.empty())
        throw Error(fmt::format("{}: tensor '{}' is not in its shard {}", file.name,
                                printable(name), shard));
      result.tensors.insert(std::move(tensor));
    }
    if (!part.tensors.empty()) {
      result.notes.push_back(
          fmt::format("{}: {} tensors are not in the index and were left out, the first is '{}'",
                      shard, part.tensors.size(), printable(part.tensors.begin()->first)));
    }
    result.notes.insert(result.notes.end(), part.notes.begin(), part.notes.end());
    result.metadata.merge(part.metadata);
    result.files.emplace_back(bytes->name);
  }
  return result;
}

}  // namespace dream::weights

// Builds weight files byte by byte, the malformed ones too, so that the tests depend on no writer.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/temporary_folder.hpp"
#include "weights/formats/memory_map.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights::testing {

inline void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(i < 8 ? value >> (8 * i) & 0xFF : 0);
}

inline std::string le(std::uint64_t value, int bytes) {
  std::string out;
  put(out, value, bytes);
  return out;
}

// A string literal with its zero bytes.
template <std::size_t N>
std::string raw(const char (&text)[N]) {
  return std::string(text, N - 1);
}

inline FileBytes in_memory(std::string content, std::string name = "test") {
  auto owner = std::make_shared<const std::string>(std::move(content));
  return {std::as_bytes(std::span(owner->data(), owner->size())), owner, std::move(name)};
}

inline std::string safetensors(std::string_view header, std::string_view data = {}) {
  return le(header.size(), 8) + std::string(header) + std::string(data);
}

struct ZipEntry {
  std::string name;
  std::string content;
  std::uint16_t method = 0;
  std::uint16_t flags = 0;
  std::string local_name = {};  // when it should differ
  std::string extra = {};       // of the directory entry
  bool saturated = false;       // sizes and offset live in `extra`
  std::uint32_t crc = 0;
  std::uint16_t unix_mode = 0;   // not 0: made on Unix, with this type and mode
  std::uint64_t plain_bytes = 0;  // not 0: what the directory says of the unpacked size
};

// A zip of stored entries. `comment` and the counts can be bent by the caller afterwards.
inline std::string zip(const std::vector<ZipEntry>& entries, std::string_view comment = {}) {
  std::string file;
  std::string directory;
  for (const ZipEntry& entry : entries) {
    const std::size_t offset = file.size();
    const std::string& local_name = entry.local_name.empty() ? entry.name : entry.local_name;
    put(file, 0x04034b50, 4);
    file.append(22, '\0');
    put(file, local_name.size(), 2);
    put(file, 3, 2);
    file += local_name + "pad" + entry.content;
    put(directory, 0x02014b50, 4);
    put(directory, entry.unix_mode != 0 ? 3 << 8 : 0, 4);
    put(directory, entry.flags, 2);
    put(directory, entry.method, 2);
    put(directory, 0, 4);
    put(directory, entry.crc, 4);
    const std::uint64_t plain = entry.plain_bytes != 0 ? entry.plain_bytes : entry.content.size();
    put(directory, entry.saturated ? 0xFFFFFFFF : entry.content.size(), 4);
    put(directory, entry.saturated ? 0xFFFFFFFF : plain, 4);
    put(directory, entry.name.size(), 2);
    put(directory, entry.extra.size(), 2);
    put(directory, 0, 6);
    put(directory, static_cast<std::uint32_t>(entry.unix_mode) << 16, 4);
    put(directory, entry.saturated ? 0xFFFFFFFF : offset, 4);
    directory += entry.name + entry.extra;
  }
  const std::size_t offset = file.size();
  file += directory;
  put(file, 0x06054b50, 4);
  put(file, 0, 4);
  put(file, entries.size(), 2);
  put(file, entries.size(), 2);
  put(file, directory.size(), 4);
  put(file, offset, 4);
  put(file, comment.size(), 2);
  return file + std::string(comment);
}

// ---- pickle opcodes, protocol 2 ----

inline std::string text(std::string_view value) {
  std::string out("X");
  out += le(value.size(), 4);
  out += value;
  return out;
}
inline std::string number(std::int64_t value) {
  return raw("\x8a\x08") + le(static_cast<std::uint64_t>(value), 8);
}
inline std::string global(std::string_view module, std::string_view name) {
  std::string out("c");
  for (const std::string_view line : {module, name}) {
    out += line;
    out += '\n';
  }
  return out;
}
inline std::string tuple(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const std::string& item : items) out += item;
  return out + "t";
}
inline std::string numbers(const std::vector<std::int64_t>& values) {
  std::vector<std::string> items;
  for (const std::int64_t value : values) items.push_back(number(value));
  return tuple(items);
}
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "}(";
  for (const auto& [key, value] : items) out += text(key) + value;
  return out + "u";
}
inline std::string call(const std::string& function, const std::string& arguments) {
  return function + arguments + "R";
}
inline std::string storage(std::string_view type, std::string_view key, std::int64_t count) {
  return tuple({text("storage"), global("torch", type), text(key), text("cpu"), number(count)}) +
         "Q";
}
inline std::string ordered_dict() {
  return call(global("collections", "OrderedDict"), ")");
}
inline std::string tensor(const std::string& storage_value, std::int64_t offset,
                          const std::vector<std::int64_t>& size,
                          const std::vector<std::int64_t>& stride) {
  return call(global("torch._utils", "_rebuild_tensor_v2"),
              tuple({storage_value, number(offset), numbers(size), numbers(stride), raw("\x89"),
                     ordered_dict()}));
}
inline std::string pickled(const std::string& value) {
  return raw("\x80\x02") + value + ".";
}

// 0, 1, 2 … as float32.
inline std::string floats(std::size_t count) {
  std::string out(count * sizeof(float), '\0');
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = static_cast<float>(i);
    std::memcpy(out.data() + i * sizeof(float), &value, sizeof(float));
  }
  return out;
}

// A file of torch.save whose pickle is `value`; storage "0" holds six float32.
inline std::string torch_file(const std::string& value, std::vector<ZipEntry> more = {}) {
  std::vector<ZipEntry> entries = {{"archive/data.pkl", pickled(value)},
                                   {"archive/data/0", floats(6)}};
  entries.insert(entries.end(), more.begin(), more.end());
  return zip(entries);
}

// The message of the Error that `action` throws; empty when it throws none.
template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace dream::weights::testing

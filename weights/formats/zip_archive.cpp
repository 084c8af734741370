#include "weights/formats/zip_archive.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "weights/formats/byte_reader.hpp"
#include "weights/formats/crc32.hpp"
#include "weights/formats/inflate.hpp"
#include "weights/formats/text.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

constexpr std::uint32_t local_signature = 0x04034b50;
constexpr std::uint32_t central_signature = 0x02014b50;
constexpr std::uint32_t end_signature = 0x06054b50;
constexpr std::uint32_t end64_signature = 0x06064b50;
constexpr std::uint32_t end64_locator_signature = 0x07064b50;
constexpr std::size_t local_bytes = 30;
constexpr std::size_t central_bytes = 46;
constexpr std::size_t end_bytes = 22;
constexpr std::size_t end64_bytes = 56;
constexpr std::size_t end64_locator_bytes = 20;
constexpr std::uint16_t zip64_extra = 0x0001;
constexpr std::uint16_t method_stored = 0;
constexpr std::uint16_t method_deflated = 8;
constexpr std::uint16_t made_on_unix = 3;
constexpr std::uint64_t free_unpacked = 64u << 20;  // bytes that any entry may unpack to
constexpr std::uint64_t most_packed = 64;           // and above them, per byte of the file

struct Directory {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t count = 0;
  bool single_part = true;
};

// Position of the end record: the last one whose comment reaches exactly to the end of the file.
std::optional<std::size_t> find_end_record(std::span<const std::byte> data) {
  if (data.size() < end_bytes) return std::nullopt;
  const std::size_t last = data.size() - end_bytes;
  const std::size_t first = last > 0xFFFF ? last - 0xFFFF : 0;
  for (std::size_t position = last + 1; position-- > first;) {
    ByteReader reader(data, position);
    if (reader.number<std::uint32_t>() != end_signature) continue;
    const std::size_t comment = ByteReader(data, position + 20).number<std::uint16_t>();
    if (position + end_bytes + comment == data.size()) return position;
  }
  return std::nullopt;
}

// The zip64 end record replaces the narrow one when its locator stands right before that one.
std::optional<Directory> read_zip64_end(std::span<const std::byte> data, std::size_t end_position) {
  if (end_position < end64_locator_bytes) return std::nullopt;
  ByteReader locator(data, end_position - end64_locator_bytes);
  if (locator.number<std::uint32_t>() != end64_locator_signature) return std::nullopt;
  locator.number<std::uint32_t>();  // part that holds the record
  const std::uint64_t position = locator.number<std::uint64_t>();
  const std::uint32_t parts = locator.number<std::uint32_t>();
  if (position > data.size() || data.size() - position < end64_bytes) throw ByteReader::EndOfData();

  ByteReader reader(data, static_cast<std::size_t>(position));
  if (reader.number<std::uint32_t>() != end64_signature) throw ByteReader::EndOfData();
  reader.bytes(8 + 2 + 2);  // record size, versions
  Directory directory;
  const std::uint32_t part = reader.number<std::uint32_t>();
  reader.number<std::uint32_t>();  // part where the directory starts
  const std::uint64_t count_here = reader.number<std::uint64_t>();
  directory.count = reader.number<std::uint64_t>();
  directory.bytes = reader.number<std::uint64_t>();
  directory.offset = reader.number<std::uint64_t>();
  directory.single_part = parts <= 1 && part == 0 && count_here == directory.count;
  return directory;
}

Directory read_end(std::span<const std::byte> data, std::size_t position) {
  if (const auto zip64 = read_zip64_end(data, position)) return *zip64;
  ByteReader reader(data, position + 4);
  Directory directory;
  const std::uint16_t part = reader.number<std::uint16_t>();
  reader.number<std::uint16_t>();
  const std::uint16_t count_here = reader.number<std::uint16_t>();
  directory.count = reader.number<std::uint16_t>();
  directory.bytes = reader.number<std::uint32_t>();
  directory.offset = reader.number<std::uint32_t>();
  directory.single_part = part == 0 && count_here == directory.count;
  return directory;
}

// Widens the fields that hold their type's largest value, in the order the format prescribes.
void apply_zip64_extra(ByteReader extra, ZipArchive::Entry& entry) {
  constexpr std::uint64_t saturated = 0xFFFFFFFF;
  while (extra.remaining() >= 4) {
    const std::uint16_t id = extra.number<std::uint16_t>();
    ByteReader field(extra.bytes(extra.number<std::uint16_t>()));
    if (id != zip64_extra) continue;
    for (std::uint64_t* value : {&entry.plain_bytes, &entry.stored_bytes, &entry.header_offset}) {
      if (*value == saturated) *value = field.number<std::uint64_t>();
    }
    return;
  }
}

}  // namespace

void ZipArchive::fail(std::string_view what) const {
  throw Error(fmt::format("{}: {}", file_.name, what));
}

ZipArchive ZipArchive::open(const FileBytes& file) {
  ZipArchive archive;
  archive.file_ = file;
  const std::optional<std::size_t> end = find_end_record(file.data);
  if (!end) archive.fail("zip archive has no end record (truncated?)");
  try {
    const Directory directory = read_end(file.data, *end);
    if (!directory.single_part) archive.fail("zip archives in several parts are not supported");
    archive.read_directory(directory.offset, directory.bytes, directory.count);
  } catch (const ByteReader::EndOfData&) {
    archive.fail("zip directory is damaged (truncated?)");
  }
  return archive;
}

void ZipArchive::read_directory(std::uint64_t offset, std::uint64_t bytes, std::uint64_t count) {
  if (offset > file_.data.size() || bytes > file_.data.size() - offset)
    fail("zip directory lies outside the file (truncated?)");
  if (count > bytes / central_bytes)
    fail(fmt::format("zip directory of {} bytes cannot hold {} entries", bytes, count));
  directory_offset_ = offset;
  ByteReader reader(file_.data.subspan(offset, bytes));
  for (std::uint64_t i = 0; i < count; ++i) {
    if (reader.number<std::uint32_t>() != central_signature)
      fail(fmt::format("zip directory entry {} has a wrong signature", i));
    Entry entry;
    const std::uint16_t made_by = reader.number<std::uint16_t>();
    reader.bytes(2);  // version that is needed
    const std::uint16_t flags = reader.number<std::uint16_t>();
    entry.encrypted = (flags & 0x2041) != 0;  // plain, strong, or with a masked header
    entry.method = reader.number<std::uint16_t>();
    reader.bytes(4);  // time
    entry.crc32 = reader.number<std::uint32_t>();
    entry.stored_bytes = reader.number<std::uint32_t>();
    entry.plain_bytes = reader.number<std::uint32_t>();
    const std::uint16_t name_bytes = reader.number<std::uint16_t>();
    const std::uint16_t extra_bytes = reader.number<std::uint16_t>();
    const std::uint16_t comment_bytes = reader.number<std::uint16_t>();
    reader.bytes(2 + 2);  // part, attributes of the file's text
    const std::uint32_t attributes = reader.number<std::uint32_t>();
    const bool on_unix = made_by >> 8 == made_on_unix;
    entry.unix_mode = on_unix ? static_cast<std::uint16_t>(attributes >> 16) : 0;
    entry.header_offset = reader.number<std::uint32_t>();
    const std::string name(reader.text(name_bytes));
    apply_zip64_extra(ByteReader(reader.bytes(extra_bytes)), entry);
    reader.bytes(comment_bytes);
    if (name.empty()) fail(fmt::format("zip entry {} has no name", i));
    if (!entries_.emplace(name, entry).second)
      fail(fmt::format("zip entry '{}' appears twice", printable(name)));
  }
}

const ZipArchive::Entry& ZipArchive::readable_entry(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) fail(fmt::format("zip entry '{}' is missing", printable(name)));
  const Entry& entry = found->second;
  if (entry.encrypted) fail(fmt::format("zip entry '{}' is encrypted", printable(name)));
  if (entry.method != method_stored && entry.method != method_deflated)
    fail(fmt::format("zip entry '{}' is compressed with method {}; 0 and 8 can be read",
                     printable(name), entry.method));
  if (entry.method == method_stored && entry.stored_bytes != entry.plain_bytes)
    fail(fmt::format("zip entry '{}' is stored, but its sizes {} and {} differ", printable(name),
                     entry.stored_bytes, entry.plain_bytes));
  if (entry.plain_bytes > free_unpacked && entry.plain_bytes / most_packed > entry.stored_bytes)
    fail(fmt::format("zip entry '{}' of {} bytes would unpack to {}, more than is allowed",
                     printable(name), entry.stored_bytes, entry.plain_bytes));
  return entry;
}

FileBytes ZipArchive::read(std::string_view name) const {
  const Entry& entry = readable_entry(name);
  const std::string label = fmt::format("{}: {}", file_.name, printable(name));
  const std::span<const std::byte> data = stored_bytes(name, entry);
  if (entry.method == method_stored) return {data, file_.owner, label};
  try {
    auto buffer = std::make_shared<const std::vector<std::byte>>(
        inflate(data, static_cast<std::size_t>(entry.plain_bytes)));
    return {*buffer, buffer, label};
  } catch (const InflateError& error) {
    fail(fmt::format("zip entry '{}' {}", printable(name), error.what()));
  }
}

void ZipArchive::read(std::string_view name,
                      const std::function<void(std::span<const std::byte>)>& take) const {
  const Entry& entry = readable_entry(name);
  std::uint32_t crc = 0;
  const auto pass_on = [&](std::span<const std::byte> piece) {
    crc = add_to_crc(crc, piece);
    take(piece);
  };
  std::span<const std::byte> data = stored_bytes(name, entry);
  try {
    if (entry.method == method_deflated) inflate(data, entry.plain_bytes, pass_on);
  } catch (const InflateError& error) {
    fail(fmt::format("zip entry '{}' {}", printable(name), error.what()));
  }
  while (entry.method == method_stored && !data.empty()) {
    const std::size_t part = std::min<std::size_t>(data.size(), 1 << 20);
    pass_on(data.first(part));
    data = data.subspan(part);
  }
  if (crc != entry.crc32)
    fail(fmt::format("zip entry '{}' is damaged: its checksum does not match", printable(name)));
}

void ZipArchive::verify() const {
  for (const auto& [name, entry] : entries_) {
    if (add_to_crc(0, read(name).data) != entry.crc32)
      fail(fmt::format("zip entry '{}' is damaged: its checksum does not match", printable(name)));
  }
}

std::span<const std::byte> ZipArchive::stored_bytes(std::string_view name,
                                                    const Entry& entry) const {
  try {
    if (entry.header_offset >= directory_offset_) throw ByteReader::EndOfData();
    ByteReader reader(file_.data.first(directory_offset_), entry.header_offset);
    if (reader.number<std::uint32_t>() != local_signature)
      fail(fmt::format("zip entry '{}' has no local header at {}", printable(name),
                       entry.header_offset));
    reader.bytes(local_bytes - 4 - 2 - 2);
    const std::uint16_t name_bytes = reader.number<std::uint16_t>();
    const std::uint16_t extra_bytes = reader.number<std::uint16_t>();
    if (reader.text(name_bytes) != name)
      fail(fmt::format("zip entry '{}' has another name in its local header", printable(name)));
    reader.bytes(extra_bytes);
    return reader.bytes(entry.stored_bytes);
  } catch (const ByteReader::EndOfData&) {
    fail(fmt::format("zip entry '{}' of {} bytes reaches outside the archive's data (truncated?)",
                     printable(name), entry.stored_bytes));
  }
}

}  // namespace dream::weights

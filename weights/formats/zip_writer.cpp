#include "weights/formats/zip_writer.hpp"

#include <fmt/core.h>

#include <cstring>

#include "weights/formats/crc32.hpp"
#include "weights/formats/text.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

constexpr std::uint32_t local_signature = 0x04034b50;
constexpr std::uint32_t central_signature = 0x02014b50;
constexpr std::uint32_t end_signature = 0x06054b50;
constexpr std::uint32_t end64_signature = 0x06064b50;
constexpr std::uint32_t end64_locator_signature = 0x07064b50;
constexpr std::uint16_t version_needed = 45;  // zip64
constexpr std::uint16_t utf8_names = 0x0800;
constexpr std::uint16_t first_day = 0x0021;  // 1980-01-01
constexpr std::uint16_t zip64_id = 0x0001;
constexpr std::uint16_t padding_id = 0x4246;  // "FB", as PyTorch pads
constexpr std::uint64_t saturated = 0xFFFFFFFF;
constexpr std::uint64_t crc_position = 14;  // in a local header
constexpr std::size_t local_bytes = 30;

// Little-endian numbers, as every field of the format.
class Record {
 public:
  template <typename Number>
  Record& put(Number value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
      text_ += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xFF);
    return *this;
  }
  Record& put_text(std::string_view text) {
    text_ += text;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::uint32_t narrow(std::uint64_t value) {
  return static_cast<std::uint32_t>(value < saturated ? value : saturated);
}

// The extra field of a local header: wide sizes, then what moves the data to `alignment`.
std::string local_extra(std::uint64_t bytes, std::uint64_t data_without_extra,
                        std::uint64_t alignment) {
  Record extra;
  if (bytes >= saturated)
    extra.put(zip64_id).put(std::uint16_t{16}).put(bytes).put(bytes);
  const std::uint64_t start = data_without_extra + extra.text().size();
  if (alignment > 1 && start % alignment != 0) {
    const std::uint64_t padding = (alignment - (start + 4) % alignment) % alignment;
    extra.put(padding_id).put(static_cast<std::uint16_t>(padding));
    extra.put_text(std::string(padding, 'Z'));
  }
  return extra.text();
}

}  // namespace

void ZipWriter::add(const std::string& name, std::uint64_t bytes,
                    const std::function<void(const WriteBytes&)>& write, std::uint64_t alignment) {
  Entry entry{name, bytes, file_.position(), 0};
  const std::string extra =
      local_extra(bytes, entry.offset + local_bytes + name.size(), alignment);
  Record header;
  header.put(local_signature).put(version_needed).put(utf8_names).put(std::uint16_t{0});
  header.put(std::uint16_t{0}).put(first_day).put(std::uint32_t{0});  // time, date, checksum
  header.put(narrow(bytes)).put(narrow(bytes));
  header.put(static_cast<std::uint16_t>(name.size()));
  header.put(static_cast<std::uint16_t>(extra.size()));
  file_.write(header.text() + name + extra);
  const std::uint64_t start = file_.position();
  write([&](std::span<const std::byte> piece) {
    entry.crc = add_to_crc(entry.crc, piece);
    file_.write(piece);
  });
  if (file_.position() - start != bytes)
    throw Error(fmt::format("zip entry '{}' was given {} bytes instead of {}", printable(name),
                            file_.position() - start, bytes));
  file_.overwrite(entry.offset + crc_position, Record().put(entry.crc).text());
  entries_.push_back(std::move(entry));
}

void ZipWriter::add(const std::string& name, std::string_view text, std::uint64_t alignment) {
  add(name, text.size(),
      [&](const WriteBytes& write) { write(std::as_bytes(std::span(text))); }, alignment);
}

void ZipWriter::finish() {
  const std::uint64_t directory = file_.position();
  for (const Entry& entry : entries_) {
    Record wide;
    for (int i = 0; i < 2; ++i)
      if (entry.bytes >= saturated) wide.put(entry.bytes);
    if (entry.offset >= saturated) wide.put(entry.offset);
    Record extra;
    if (!wide.text().empty())
      extra.put(zip64_id).put(static_cast<std::uint16_t>(wide.text().size())).put_text(wide.text());
    Record record;
    record.put(central_signature).put(version_needed).put(version_needed).put(utf8_names);
    record.put(std::uint16_t{0}).put(std::uint16_t{0}).put(first_day).put(entry.crc);
    record.put(narrow(entry.bytes)).put(narrow(entry.bytes));
    record.put(static_cast<std::uint16_t>(entry.name.size()));
    record.put(static_cast<std::uint16_t>(extra.text().size()));
    record.put(std::uint16_t{0}).put(std::uint16_t{0}).put(std::uint16_t{0});
    record.put(std::uint32_t{0}).put(narrow(entry.offset));
    file_.write(record.text() + entry.name + extra.text());
  }
  const std::uint64_t end = file_.position();
  const std::uint64_t count = entries_.size();
  if (count >= 0xFFFF || directory >= saturated || end - directory >= saturated) {
    Record record;
    record.put(end64_signature).put(std::uint64_t{44}).put(version_needed).put(version_needed);
    record.put(std::uint32_t{0}).put(std::uint32_t{0}).put(count).put(count);
    record.put(end - directory).put(directory);
    record.put(end64_locator_signature).put(std::uint32_t{0}).put(end).put(std::uint32_t{1});
    file_.write(record.text());
  }
  const auto short_count = static_cast<std::uint16_t>(count < 0xFFFF ? count : 0xFFFF);
  Record record;
  record.put(end_signature).put(std::uint16_t{0}).put(std::uint16_t{0});
  record.put(short_count).put(short_count);
  record.put(narrow(end - directory)).put(narrow(directory)).put(std::uint16_t{0});
  file_.write(record.text());
}

}  // namespace dream::weights

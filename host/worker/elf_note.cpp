#include "host/worker/elf_note.hpp"

#include <elf.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>

namespace dream::worker {
namespace {

using Bytes = std::span<const std::byte>;
using Reason = NoteError::Reason;

constexpr std::string_view note_owner = "DREAM";
constexpr std::uint32_t note_type = 1;
constexpr std::size_t max_note_bytes = 4096;

// `size` bytes at `offset`, or nothing when they do not all lie in the file.
std::optional<Bytes> slice(Bytes bytes, std::uint64_t offset, std::uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return std::nullopt;
  return bytes.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
}

// A copy of the struct at `offset`: the file owes us no alignment.
template <class Struct>
std::optional<Struct> read(Bytes bytes, std::uint64_t offset) {
  const auto source = slice(bytes, offset, sizeof(Struct));
  if (!source) return std::nullopt;
  Struct value;
  std::memcpy(&value, source->data(), sizeof value);
  return value;
}

// Entry `index` of a header table. Nothing for an entry outside the file, or one smaller than ours.
template <class Struct>
std::optional<Struct> entry(Bytes file, std::uint64_t table, std::uint64_t stride,
                            std::uint64_t index) {
  if (stride < sizeof(Struct) || table > file.size()) return std::nullopt;
  return read<Struct>(file, table + stride * index);  // 64 + 16 + 16 bits: cannot wrap
}

std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Elf64_Ehdr read_header(Bytes file) {
  if (file.size() < SELFMAG || std::memcmp(file.data(), ELFMAG, SELFMAG) != 0)
    throw NoteError(Reason::not_elf, "it is not an ELF file, so not a shared library");
  const auto header = read<Elf64_Ehdr>(file, 0);
  if (!header) throw NoteError(Reason::truncated, "it is truncated: the ELF header is not whole");
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
    throw NoteError(Reason::not_elf, "it is not a 64-bit little-endian ELF file");
  if (header->e_type != ET_DYN)
    throw NoteError(Reason::not_elf, "it is an ELF file, but not a shared library");
  return *header;
}

// A file that was cut off still has its first headers, but not all that they point at.
void check_whole(Bytes file, const Elf64_Ehdr& header) {
  bool whole = header.e_shoff == 0 ||
               slice(file, header.e_shoff, std::uint64_t{header.e_shentsize} * header.e_shnum);
  for (std::uint64_t i = 0; i < header.e_phnum && whole; ++i) {
    const auto segment = entry<Elf64_Phdr>(file, header.e_phoff, header.e_phentsize, i);
    whole = segment && (segment->p_type != PT_LOAD ||
                        slice(file, segment->p_offset, segment->p_filesz).has_value());
  }
  if (!whole)
    throw NoteError(Reason::truncated, "it is truncated: its headers point past the end of file");
}

// Walks the notes of one segment or section. `damaged` is set when one of them leaves it.
std::optional<std::string> find_note(Bytes notes, std::uint64_t alignment, bool& damaged) {
  const std::uint64_t align = alignment == 8 ? 8 : 4;
  const auto padded = [align](std::uint64_t n) { return (n + align - 1) / align * align; };
  std::uint64_t offset = 0;
  while (const auto header = read<Elf64_Nhdr>(notes, offset)) {
    const std::uint64_t name_at = offset + sizeof(Elf64_Nhdr);
    const std::uint64_t text_at = padded(name_at + header->n_namesz);
    const auto name = slice(notes, name_at, header->n_namesz);
    const auto text = slice(notes, text_at, header->n_descsz);
    damaged = damaged || !name || !text;
    if (!name || !text) break;
    std::string_view owner = as_text(*name);
    if (!owner.empty() && owner.back() == '\0') owner.remove_suffix(1);
    if (owner == note_owner && header->n_type == note_type) {
      if (text->size() > max_note_bytes)
        throw NoteError(Reason::corrupt, "its ABI note is corrupt: it is over 4096 bytes long");
      return std::string(as_text(*text));
    }
    offset = padded(text_at + header->n_descsz);
  }
  return std::nullopt;
}

unsigned parse_number(std::string_view text, std::string_view whole) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    throw NoteError(Reason::corrupt,
                    "its ABI note is corrupt: sdk=" + std::string(whole) + " is not MAJOR.MINOR");
  return number;
}

bool printable(std::string_view text) {
  for (const char c : text)
    if (c < 0x20 || c > 0x7e) return false;
  return true;
}

}  // namespace

std::string AbiNote::value(std::string_view key) const {
  const auto found = values.find(key);
  return found == values.end() ? std::string() : found->second;
}

AbiNote parse_abi_note(std::string_view text) {
  while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
  AbiNote note;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string_view::npos || !printable(pair))
      throw NoteError(Reason::corrupt, "its ABI note is corrupt: it is not key=value; pairs");
    const std::string key(pair.substr(0, equals));
    if (!note.values.emplace(key, pair.substr(equals + 1)).second)
      throw NoteError(Reason::corrupt, "its ABI note is corrupt: '" + key + "' is there twice");
  }
  const std::string sdk = note.value("sdk");
  const std::size_t dot = sdk.find('.');
  if (dot == std::string::npos)
    throw NoteError(Reason::corrupt, "its ABI note is corrupt: it states no SDK version");
  note.sdk_major = parse_number(std::string_view(sdk).substr(0, dot), sdk);
  note.sdk_minor = parse_number(std::string_view(sdk).substr(dot + 1), sdk);
  note.tier = note.value("tier");
  if (note.tier.empty())
    throw NoteError(Reason::corrupt, "its ABI note is corrupt: it states no tier");
  return note;
}

AbiNote read_abi_note(Bytes file) {
  const Elf64_Ehdr header = read_header(file);
  check_whole(file, header);
  bool whole = true;  // all headers, and what they point at, lie in the file
  bool damaged = false;
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = entry<Elf64_Phdr>(file, header.e_phoff, header.e_phentsize, i);
    whole = whole && segment && slice(file, segment->p_offset, segment->p_filesz);
    if (!segment || segment->p_type != PT_NOTE) continue;
    const auto notes = slice(file, segment->p_offset, segment->p_filesz);
    if (!notes) continue;
    if (const auto text = find_note(*notes, segment->p_align, damaged))
      return parse_abi_note(*text);
  }
  for (std::uint64_t i = 0; header.e_shoff != 0 && i < header.e_shnum; ++i) {
    const auto section = entry<Elf64_Shdr>(file, header.e_shoff, header.e_shentsize, i);
    whole = whole && section;
    if (!section || section->sh_type != SHT_NOTE) continue;
    const auto notes = slice(file, section->sh_offset, section->sh_size);
    if (!notes) continue;
    if (const auto text = find_note(*notes, section->sh_addralign, damaged))
      return parse_abi_note(*text);
  }
  if (!whole)
    throw NoteError(Reason::truncated, "it is truncated: its headers point past the end of file");
  if (damaged)
    throw NoteError(Reason::corrupt, "its ABI note is corrupt: a note is larger than its segment");
  throw NoteError(Reason::no_note,
                  "it carries no DREAM ABI note: build it with dream_add_template() of the SDK");
}

namespace {

// Calls `visit` with each name the dynamic symbol tables define, until it returns false.
template <class Visit>
void visit_exports(Bytes file, Visit&& visit) {
  const Elf64_Ehdr header = read_header(file);
  for (std::uint64_t i = 0; header.e_shoff != 0 && i < header.e_shnum; ++i) {
    const auto table = entry<Elf64_Shdr>(file, header.e_shoff, header.e_shentsize, i);
    if (!table || table->sh_type != SHT_DYNSYM) continue;
    const auto strings =
        entry<Elf64_Shdr>(file, header.e_shoff, header.e_shentsize, table->sh_link);
    const auto symbols = slice(file, table->sh_offset, table->sh_size);
    if (!strings || !symbols) continue;
    const auto names = slice(file, strings->sh_offset, strings->sh_size);
    if (!names) continue;
    for (std::uint64_t at = 0; const auto symbol = read<Elf64_Sym>(*symbols, at);
         at += sizeof(Elf64_Sym)) {
      if (symbol->st_shndx == SHN_UNDEF || ELF64_ST_BIND(symbol->st_info) == STB_LOCAL) continue;
      if (symbol->st_name >= names->size()) continue;
      const std::string_view rest = as_text(names->subspan(symbol->st_name));
      const std::size_t end = rest.find('\0');
      if (end != std::string_view::npos && !visit(rest.substr(0, end))) return;
    }
  }
}

}  // namespace

std::vector<std::string> exported_symbols(Bytes file) {
  constexpr std::size_t enough = 4096;
  std::vector<std::string> names;
  visit_exports(file, [&](std::string_view name) {
    if (!name.empty()) names.emplace_back(name);
    return names.size() < enough;
  });
  return names;
}

bool exports_symbol(Bytes file, std::string_view wanted) {
  bool found = false;
  visit_exports(file, [&](std::string_view name) {
    found = name == wanted;
    return !found;
  });
  return found;
}

}  // namespace dream::worker

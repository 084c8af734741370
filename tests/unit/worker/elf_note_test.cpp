#include "host/worker/elf_note.hpp"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "host/worker/abi_check.hpp"

namespace dream::worker {
namespace {

constexpr std::string_view good_text = "sdk=1.0;tier=c;cxx=gcc12;cxx11abi=1;torch=none;";

template <class Struct>
void append(std::string& bytes, const Struct& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void pad(std::string& bytes, std::size_t align) {
  bytes.resize((bytes.size() + align - 1) / align * align);
}

std::string note(std::string_view text, std::string_view owner = std::string_view("DREAM\0", 6),
                 std::uint32_t type = 1) {
  std::string bytes;
  append(bytes, Elf64_Nhdr{static_cast<Elf64_Word>(owner.size()),
                           static_cast<Elf64_Word>(text.size()), type});
  bytes += owner;
  pad(bytes, 4);
  bytes += text;
  pad(bytes, 4);
  return bytes;
}

Elf64_Ehdr header() {
  Elf64_Ehdr result{};
  std::memcpy(result.e_ident, ELFMAG, SELFMAG);
  result.e_ident[EI_CLASS] = ELFCLASS64;
  result.e_ident[EI_DATA] = ELFDATA2LSB;
  result.e_type = ET_DYN;
  result.e_phentsize = sizeof(Elf64_Phdr);
  result.e_shentsize = sizeof(Elf64_Shdr);
  return result;
}

// A library whose notes lie in its one program header.
std::string with_segment(const std::string& notes) {
  Elf64_Ehdr head = header();
  head.e_phoff = sizeof head;
  head.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  segment.p_offset = sizeof head + sizeof segment;
  segment.p_filesz = notes.size();
  segment.p_align = 4;
  std::string bytes;
  append(bytes, head);
  append(bytes, segment);
  return bytes + notes;
}

// A library without program headers: sections for notes, symbols and their names.
std::string with_sections(const std::string& notes, std::string_view symbol,
                          Elf64_Section defined_in = 1) {
  const std::string names = std::string(1, '\0') + std::string(symbol) + '\0';
  Elf64_Sym entry{};
  entry.st_name = 1;
  entry.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
  entry.st_shndx = defined_in;
  Elf64_Ehdr head = header();
  Elf64_Shdr note_section{}, symbols{}, strings{};
  note_section.sh_type = SHT_NOTE;
  note_section.sh_offset = sizeof head;
  note_section.sh_size = notes.size();
  symbols.sh_type = SHT_DYNSYM;
  symbols.sh_offset = note_section.sh_offset + notes.size();
  symbols.sh_size = sizeof entry;
  symbols.sh_link = 2;
  strings.sh_type = SHT_STRTAB;
  strings.sh_offset = symbols.sh_offset + sizeof entry;
  strings.sh_size = names.size();
  head.e_shoff = strings.sh_offset + names.size();
  head.e_shnum = 3;
  std::string bytes;
  append(bytes, head);
  bytes += notes;
  append(bytes, entry);
  bytes += names;
  append(bytes, note_section);
  append(bytes, symbols);
  append(bytes, strings);
  return bytes;
}

// An exact copy on the heap, so that a sanitizer sees a read past its end.
std::vector<std::byte> exact(std::string_view bytes) {
  std::vector<std::byte> copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  return copy;
}

NoteError::Reason reason(std::string_view bytes) {
  try {
    read_abi_note(exact(bytes));
  } catch (const NoteError& error) {
    EXPECT_STRNE(error.what(), "");
    return error.reason();
  }
  ADD_FAILURE() << "was read";
  return {};
}

TEST(ElfNote, reads_the_note_of_a_segment) {
  const AbiNote found = read_abi_note(exact(with_segment(note(good_text))));
  EXPECT_EQ(found.sdk_major, 1U);
  EXPECT_EQ(found.sdk_minor, 0U);
  EXPECT_EQ(found.tier, "c");
  EXPECT_EQ(found.value("cxx"), "gcc12");
  EXPECT_EQ(found.value("absent"), "");
}

TEST(ElfNote, reads_the_note_of_a_section) {
  const auto bytes = exact(with_sections(note(good_text), "dream_template_entry"));
  EXPECT_EQ(read_abi_note(bytes).tier, "c");
}

TEST(ElfNote, walks_over_other_notes) {
  const std::string notes = note("\1\2\3", std::string_view("GNU\0", 4), 3) +
                            note("other", std::string_view("DREAM\0", 6), 2) + note(good_text);
  EXPECT_EQ(read_abi_note(exact(with_segment(notes))).tier, "c");
}

TEST(ElfNote, tells_apart_why_a_file_is_refused) {
  using Reason = NoteError::Reason;
  EXPECT_EQ(reason(""), Reason::not_elf);
  EXPECT_EQ(reason("#!/bin/sh\n"), Reason::not_elf);
  EXPECT_EQ(reason("\x7f"
                   "ELF"),
            Reason::truncated);
  EXPECT_EQ(reason(with_segment(note("x", std::string_view("GNU\0", 4), 3))), Reason::no_note);
  EXPECT_EQ(reason(with_segment("")), Reason::no_note);
  EXPECT_EQ(reason(with_segment(note("hello"))), Reason::corrupt);
  EXPECT_EQ(reason(with_segment(note(std::string(5000, 'x')))), Reason::corrupt);
  std::string other_class = with_segment(note(good_text));
  other_class[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(reason(other_class), Reason::not_elf);
}

TEST(ElfNote, a_file_cut_at_any_length_is_refused) {
  for (const std::string& whole :
       {with_segment(note(good_text)), with_sections(note(good_text), "dream_template_entry")}) {
    ASSERT_NO_THROW(read_abi_note(exact(whole)));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      try {
        // A cut behind the note of a section still leaves a readable note.
        read_abi_note(exact(std::string_view(whole).substr(0, size)));
        EXPECT_GT(size, whole.size() - 3 * sizeof(Elf64_Shdr)) << size;
      } catch (const NoteError&) {
      }
      try {
        exports_symbol(exact(std::string_view(whole).substr(0, size)), "dream_template_entry");
      } catch (const NoteError&) {
      }
    }
  }
}

TEST(ElfNote, any_byte_may_be_wrong) {
  const std::string whole = with_sections(note(good_text), "dream_template_entry");
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char wrong : {'\0', '\x7f', '\xff'}) {
      std::string bytes = whole;
      bytes[at] = wrong;
      try {
        read_abi_note(exact(bytes));
        exports_symbol(exact(bytes), "dream_template_entry");
      } catch (const NoteError&) {
      }
    }
  }
}

TEST(ElfNote, sees_what_is_exported) {
  const auto bytes = exact(with_sections(note(good_text), "dream_template_entry"));
  EXPECT_TRUE(exports_symbol(bytes, "dream_template_entry"));
  EXPECT_FALSE(exports_symbol(bytes, "dream_template"));
  EXPECT_FALSE(exports_symbol(bytes, "dream_template_entry2"));
  EXPECT_FALSE(
      exports_symbol(exact(with_sections(note(good_text), "dream_template_entry", SHN_UNDEF)),
                     "dream_template_entry"));
}

TEST(ElfNote, parses_pairs_strictly) {
  for (const char* text : {"", "sdk", "sdk=1.0", "tier=c;", "sdk=1;tier=c;", "sdk=1.x;tier=c;",
                           "sdk=-1.0;tier=c;", "sdk=99999999999.0;tier=c;", "=1;sdk=1.0;tier=c;",
                           "sdk=1.0;sdk=1.0;tier=c;", "sdk=1.0;tier=c;\n=x;", ";;"})
    EXPECT_THROW(parse_abi_note(text), NoteError) << text;
  EXPECT_EQ(parse_abi_note("sdk=12.34;tier=torch").sdk_minor, 34U);
}

std::string refusal(const std::string& text) {
  return abi_refusal(parse_abi_note(text), {1, 4, "gcc12", "1", "2.13.0"});
}

TEST(AbiCheck, takes_the_same_major_and_an_older_minor) {
  EXPECT_EQ(refusal("sdk=1.0;tier=c;"), "");
  EXPECT_EQ(refusal("sdk=1.4;tier=c;cxx=clang16;"), "");
}

TEST(AbiCheck, names_both_versions_and_the_remedy) {
  EXPECT_EQ(refusal("sdk=1.99;tier=c;"),
            "built for SDK 1.99, this dream speaks SDK 1.4: update dream, or rebuild the template "
            "with an SDK ≤ 1.4");
  EXPECT_EQ(refusal("sdk=2.0;tier=c;"),
            "built for SDK 2.0, this dream speaks SDK 1.4: update dream, or rebuild the template "
            "with an SDK ≤ 1.4");
  EXPECT_EQ(refusal("sdk=0.9;tier=c;"),
            "built for SDK 0.9, this dream speaks SDK 1.4: rebuild the template with SDK 1.4");
  EXPECT_NE(refusal("sdk=1.0;tier=magic;").find("'magic'"), std::string::npos);
}

TEST(AbiCheck, tier_torch_needs_an_exact_match) {
  EXPECT_EQ(refusal("sdk=1.4;tier=torch;cxx=gcc12;cxx11abi=1;torch=2.13.0;"), "");
  const std::string reason = "it is of tier torch, which needs an exact match: it was built with ";
  const std::string remedy = ": rebuild the template with what this dream has, or in tier c";
  EXPECT_EQ(refusal("sdk=1.3;tier=torch;cxx=gcc12;cxx11abi=1;torch=2.13.0;"),
            reason + "SDK 1.3, this dream with SDK 1.4" + remedy);
  EXPECT_EQ(refusal("sdk=1.4;tier=torch;cxx=gcc13;cxx11abi=1;torch=2.13.0;"),
            reason + "compiler gcc13, this dream with compiler gcc12" + remedy);
  EXPECT_EQ(refusal("sdk=1.4;tier=torch;cxx=gcc12;cxx11abi=0;torch=2.13.1;"),
            reason + "torch 2.13.1, cxx11abi 0, this dream with torch 2.13.0, cxx11abi 1" + remedy);
  EXPECT_EQ(refusal("sdk=1.4;tier=torch;cxx=gcc12;cxx11abi=1;"),
            reason + "torch unknown, this dream with torch 2.13.0" + remedy);
  EXPECT_NE(refusal("sdk=1.5;tier=torch;cxx=gcc12;cxx11abi=1;torch=2.13.0;").find("update dream"),
            std::string::npos);
}

TEST(AbiCheck, tier_torch_needs_a_dream_with_torch) {
  for (const char* torch : {"2.13.0", "none"}) {
    const auto note =
        parse_abi_note("sdk=1.4;tier=torch;cxx=gcc12;cxx11abi=1;torch=" + std::string(torch) + ";");
    EXPECT_EQ(abi_refusal(note, {1, 4, "gcc12", "1", "none"}),
              "it is of tier torch, which needs an exact match: it was built with torch " +
                  std::string(torch) +
                  ", this dream without torch: use a dream that has the diffusion engine, or "
                  "rebuild the template in tier c");
  }
}

}  // namespace
}  // namespace dream::worker

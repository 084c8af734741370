#include <dream/abi/template.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <span>

#include "host/check/checker.hpp"
#include "host/worker/abi_check.hpp"
#include "host/worker/elf_note.hpp"

namespace dream::host::check {
namespace {

constexpr std::uintmax_t max_library_bytes = 1ULL << 30;

std::vector<std::byte> read_file(const std::filesystem::path& path) {
  const std::uintmax_t size = std::filesystem::file_size(path);
  if (size > max_library_bytes) throw std::runtime_error("it is over 1 GiB, no template is");
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file) throw std::runtime_error("it cannot be read");
  return bytes;
}

// Names that linkers and sanitizers add on their own.
bool is_toolchain_symbol(const std::string& name) {
  static constexpr std::array<std::string_view, 5> linker{"_init", "_fini", "_edata", "_end",
                                                          "__bss_start"};
  if (std::find(linker.begin(), linker.end(), name) != linker.end()) return true;
  return name.starts_with("__asan_") || name.starts_with("__odr_asan") ||
         name.starts_with("__start_") || name.starts_with("__stop_");
}

}  // namespace

Verdict Checker::note() {
  const auto note = worker::read_abi_note(read_file(bench_.file));
  const auto refusal = worker::abi_refusal(note, worker::host_abi());
  if (!refusal.empty()) return fail(refusal);
  std::vector<std::string> pairs;
  for (const auto& [key, value] : note.values) pairs.push_back(key + "=" + value);
  return pass(fmt::format("{}", fmt::join(pairs, " ")));
}

Verdict Checker::exports() {
  const auto bytes = read_file(bench_.file);
  std::vector<std::string> extra;
  for (const auto& name : worker::exported_symbols(bytes))
    if (name != DREAM_TEMPLATE_ENTRY && !is_toolchain_symbol(name)) extra.push_back(name);
  if (!worker::exports_symbol(bytes, DREAM_TEMPLATE_ENTRY))
    return fail(
        fmt::format("it does not export {}: build it with dream_add_template() and one "
                    "DREAM_TEMPLATE() line",
                    DREAM_TEMPLATE_ENTRY));
  loadable_ = true;
  if (extra.empty()) return pass(DREAM_TEMPLATE_ENTRY);
  constexpr std::size_t shown = 4;
  const std::string more =
      extra.size() > shown ? fmt::format(" and {} more", extra.size() - shown) : "";
  const std::size_t count = extra.size();
  extra.resize(std::min(extra.size(), shown));
  return fail(fmt::format(
      "it exports {} symbol{} besides {}: {}{}; build it with "
      "dream_add_template(), which hides them",
      count, count == 1 ? "" : "s", DREAM_TEMPLATE_ENTRY, fmt::join(extra, ", "), more));
}

}  // namespace dream::host::check

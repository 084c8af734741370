#include "host/worker/template_library.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cstddef>
#include <fstream>
#include <list>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/worker/abi_check.hpp"
#include "host/worker/sdk_host/engine_library.hpp"

namespace dream::worker {
namespace {

constexpr std::uintmax_t max_library_bytes = 1ULL << 30;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw std::runtime_error("template " + path.native() + ": " + why);
}

std::vector<std::byte> read_file(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) refuse(path, "cannot be read: " + error.message());
  if (size > max_library_bytes) refuse(path, "it is over 1 GiB, no template is");
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file) refuse(path, "cannot be read");
  return bytes;
}

// Returns the tier.
std::string check_before_loading(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path);
  try {
    const AbiNote note = read_abi_note(bytes);
    const std::string refusal = abi_refusal(note, host_abi());
    if (!refusal.empty()) refuse(path, refusal);
    if (!exports_symbol(bytes, DREAM_TEMPLATE_ENTRY))
      refuse(path, std::string("it does not export ") + DREAM_TEMPLATE_ENTRY +
                       ": build it with dream_add_template() and one DREAM_TEMPLATE() line");
    return note.tier;
  } catch (const NoteError& error) {
    refuse(path, error.what());
  }
}

void load_torch(const std::filesystem::path& path) {
  try {
    load_engine_library();
  } catch (const std::runtime_error& error) {
    refuse(path, std::string("it is of tier torch: ") + error.what());
  }
}

dream_template_entry_fn load_entry(const std::filesystem::path& path) {
  namespace dll = boost::dll;
  boost::dll::fs::error_code error;
  // Never freed, since a template is never unloaded; reachable, so that no leak checker counts
  // them.
  static auto* const libraries = new std::list<dll::shared_library>;
  dll::shared_library* const library = &libraries->emplace_back();
  library->load(std::filesystem::absolute(path).native(),
                dll::load_mode::rtld_now | dll::load_mode::rtld_local, error);
  if (error) {
    const char* text = dlerror();
    refuse(path, "cannot be loaded: " + (text != nullptr ? std::string(text) : error.message()));
  }
  return library->get<const dream_template*()>(DREAM_TEMPLATE_ENTRY);
}

void check_text(const std::filesystem::path& path, const char* text, const char* member) {
  if (text == nullptr || *text == '\0')
    refuse(path, std::string("its dream_template has no ") + member);
}

void check_struct(const std::filesystem::path& path, const dream_template& entry) {
  if (entry.struct_size < offsetof(dream_template, healthcheck))
    refuse(path,
           "its dream_template.struct_size " + std::to_string(entry.struct_size) + " is too small");
  check_text(path, entry.name, "name");
  check_text(path, entry.version, "version");
  check_text(path, entry.description, "description");
  const std::string name = entry.name;
  if (!std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
      }))
    refuse(path, "its name '" + name + "' does not consist of a-z, 0-9, - and _");
  if (entry.describe == nullptr || entry.create == nullptr || entry.run == nullptr ||
      entry.destroy == nullptr)
    refuse(path, "its dream_template lacks one of describe, create, run and destroy");
}

}  // namespace

const dream_template& load_template(const std::filesystem::path& path) {
  // Such a template resolves libtorch's symbols in the libtorch of the engine.
  if (check_before_loading(path) == "torch") load_torch(path);
  const dream_template_entry_fn entry_of = load_entry(path);
  const dream_template* entry = nullptr;
  try {
    entry = entry_of();
  } catch (...) {
    refuse(path, std::string(DREAM_TEMPLATE_ENTRY) + " threw an exception across the ABI");
  }
  if (entry == nullptr) refuse(path, std::string(DREAM_TEMPLATE_ENTRY) + " returned null");
  check_struct(path, *entry);
  return *entry;
}

}  // namespace dream::worker

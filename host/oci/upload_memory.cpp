#include "host/oci/upload_memory.hpp"

#include <sys/stat.h>

#include <fstream>

#include "host/base/ids.hpp"

namespace dream::host::oci {
namespace fs = std::filesystem;

UploadMemory::UploadMemory(const fs::path& folder, const std::string& registry,
                           const std::string& repository, const Descriptor& descriptor) {
  if (folder.empty()) return;
  const std::string key = registry + "/" + repository + "@" + descriptor.digest.text();
  path_ = folder / (Digest::of(key).hex() + ".json");
}

std::optional<std::string> UploadMemory::load() const {
  std::error_code error;
  if (path_.empty() || !fs::is_regular_file(path_, error) ||
      fs::file_size(path_, error) > most_document_bytes || error)
    return std::nullopt;
  std::ifstream in(path_, std::ios::binary);
  const Document document = Document::parse(in, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  const auto found = document.find("location");
  if (found == document.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

void UploadMemory::save(const std::string& location) const {
  if (path_.empty()) return;
  std::error_code ignored;
  fs::create_directories(path_.parent_path(), ignored);
  const fs::path next = path_.string() + "." + new_id();
  {
    std::ofstream out(next, std::ios::binary);
    ::chmod(next.c_str(), 0600);  // an address may carry a signature that lets others in
    out << Document{{"location", location}}.dump(-1, ' ', false,
                                                 Document::error_handler_t::replace);
  }
  fs::rename(next, path_, ignored);
}

void UploadMemory::forget() const {
  std::error_code ignored;
  if (!path_.empty()) fs::remove(path_, ignored);
}

}  // namespace dream::host::oci

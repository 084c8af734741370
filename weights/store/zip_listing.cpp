#include "weights/store/zip_listing.hpp"

#include "weights/formats/memory_map.hpp"
#include "weights/formats/zip_archive.hpp"

namespace dream::weights {

void list_zip(const std::filesystem::path& path,
              const std::function<void(const ZipMember&)>& visit) {
  FileBytes bytes = map_file(path);
  bytes.name = "the archive";
  const auto archive = ZipArchive::open(bytes);
  for (const auto& [name, entry] : archive.entries()) {
    ZipMember member{name, entry.stored_bytes, entry.plain_bytes, name.ends_with('/'), {}};
    member.read = [&archive, &n = name] {
      std::string content;
      archive.read(n, [&](std::span<const std::byte> piece) {
        content.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      });
      return content;
    };
    visit(member);
  }
}

}  // namespace dream::weights

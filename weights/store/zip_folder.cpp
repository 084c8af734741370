#include "weights/store/zip_folder.hpp"

#include <algorithm>
#include <vector>

#include "weights/formats/memory_map.hpp"
#include "weights/formats/zip_writer.hpp"

namespace dream::weights {
namespace fs = std::filesystem;

void zip_folder(const fs::path& folder, const fs::path& out) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  OutputFile file(out);
  ZipWriter zip(file);
  for (const fs::path& path : files) {
    const FileBytes bytes = map_file(path);
    zip.add(path.lexically_relative(folder).generic_string(), bytes.data.size(),
            [&](const WriteBytes& write) { write(bytes.data); });
  }
  zip.finish();
  file.commit();
}

}  // namespace dream::weights

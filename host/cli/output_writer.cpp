#include "host/cli/output_writer.hpp"

#include <algorithm>

namespace dream::host {
namespace fs = std::filesystem;

OutputWriter::OutputWriter(fs::path folder) : folder_(std::move(folder)) {
  fs::create_directories(folder_);
}

std::string OutputWriter::write(const OutputItem& item) {
  if (item.path.empty()) {
    written_.push_back(item.value);
    return item.value.is_string()
               ? item.value.get<std::string>()
               : item.value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  const fs::path path = free_path(item.name);
  fs::copy_file(item.path, path, fs::copy_options::overwrite_existing);
  used_.push_back(path);
  written_.push_back(path.string());
  return path.string();
}

fs::path OutputWriter::free_path(const std::string& name) const {
  const fs::path file = fs::path(name).filename();
  fs::path path = (folder_ / file).lexically_normal();
  for (int i = 2; std::find(used_.begin(), used_.end(), path) != used_.end(); ++i)
    path = (folder_ / (file.stem().string() + '-' + std::to_string(i) + file.extension().string()))
               .lexically_normal();
  return path;
}

}  // namespace dream::host

#include "host/base/paths.hpp"

#include <cstdlib>

namespace dream::host {
namespace fs = std::filesystem;
namespace {

fs::path cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return fs::path(cache) / "dream";
  const char* home = std::getenv("HOME");
  const fs::path base =
      home != nullptr && *home != '\0' ? fs::path(home) : fs::temp_directory_path();
  return base / ".cache" / "dream";
}

}  // namespace

fs::path install_prefix() {
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path();
}

fs::path worker_program() {
  return install_prefix() / "bin" / "dream-worker";
}

fs::path clip_vocabulary() {
  return install_prefix() / "share" / "dream" / "clip_vocabulary";
}

fs::path manifests() {
  return install_prefix() / "share" / "dream" / "manifests";
}

fs::path default_model_store() {
  return cache_folder() / "models";
}

fs::path default_download_cache() {
  return cache_folder() / "downloads";
}

}  // namespace dream::host

#include "host/base/paths.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

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

void make_private_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), S_IRWXU) == 0) return;
  if (errno == EEXIST && fs::is_directory(folder)) return;
  throw fs::filesystem_error("cannot make the folder", folder,
                             std::error_code(errno, std::generic_category()));
}

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

fs::path default_trainings() {
  return cache_folder() / "trainings";
}

}  // namespace dream::host

// Preloaded into a program, a disk without room: writes at and beyond DREAM_TEST_DISK_BYTES of a
// file fail as on a full disk, and DREAM_TEST_DISK_FREE is what the file system says is free.
#include <dlfcn.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

long long setting(const char* name, long long otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

}  // namespace

extern "C" ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  static const long long limit = setting("DREAM_TEST_DISK_BYTES", 1LL << 62);
  if (at + static_cast<long long>(size) > limit) {
    errno = ENOSPC;
    return -1;
  }
  return syscall(SYS_pwrite64, fd, data, size, at);
}

extern "C" ssize_t pwrite64(int fd, const void* data, size_t size, off_t at) {
  return pwrite(fd, data, size, at);
}

extern "C" int statvfs(const char* path, struct statvfs* status) {
  using Function = int (*)(const char*, struct statvfs*);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "statvfs"));
  const int result = real(path, status);
  const long long free_bytes = setting("DREAM_TEST_DISK_FREE", -1);
  if (result == 0 && free_bytes >= 0) {
    status->f_frsize = 1;
    status->f_bavail = static_cast<fsblkcnt_t>(free_bytes);
  }
  return result;
}

extern "C" int statvfs64(const char* path, struct statvfs64* status) {
  return statvfs(path, reinterpret_cast<struct statvfs*>(status));
}

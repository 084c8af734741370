// Host: the way to what the host lends outside a run's own functions: pictures, tensors, lists of
// names. Setup and Run convert to it, so that `Image::decode(run, file)` reads naturally.
#pragma once

#include <dream/abi/template.h>

#include <dream/interface.hpp>
#include <dream/status.hpp>
#include <string>
#include <vector>

namespace dream {

// Copyable; valid for the life of the process. Any thread.
class Host {
 public:
  explicit Host(const dream_host* handle) noexcept : handle_(handle) {}
  const dream_host* handle() const noexcept { return handle_; }

 private:
  const dream_host* handle_;
};

// What a template's constructor receives. Valid during the constructor only, on its thread.
class Setup {
 public:
  Setup(const dream_host* host, dream_setup* handle) : host_(host), handle_(handle) {}
  Setup(const Setup&) = delete;
  Setup& operator=(const Setup&) = delete;

  operator Host() const noexcept { return Host(host_); }
  dream_setup* handle() const noexcept { return handle_; }  // for the C ABI

 private:
  const dream_host* host_;
  dream_setup* handle_;
};

namespace detail {

// A null-terminated list of the host's names, copied.
inline std::vector<std::string> copy_names(const char* const* names) {
  std::vector<std::string> copies;
  for (; names != nullptr && *names != nullptr; ++names) copies.emplace_back(*names);
  return copies;
}

}  // namespace detail
}  // namespace dream

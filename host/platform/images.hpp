// What the platform does with container images, as one small interface: the template that weights
// are added to, and where the result goes.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace dream::host {

// Trying again will not help: an image that is none, weights that are none, no permission.
struct ImageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct ImageWatch {
  // What is done, and how far: bytes done of bytes in all (0: not known). May be called often.
  std::function<void(const std::string& step, std::uint64_t done, std::uint64_t total)> progress =
      [](const std::string&, std::uint64_t, std::uint64_t) {};
  std::function<void(const std::string&)> note = [](const std::string&) {};
  const std::atomic<bool>* canceled = nullptr;
};

struct BuiltImage {
  std::string version;  // hexadecimal digest of the manifest
  std::map<std::string, std::string> labels;
};

struct PushedImage {
  std::string image;  // where it lies now
  std::uint64_t bytes_uploaded = 0;
  std::size_t blobs_mounted = 0;
};

// Safe from any thread. All throw ImageError, and std::runtime_error for what may pass.
class Images {
 public:
  virtual ~Images() = default;
  // That the template's image is there.
  virtual void check_template(const std::string& image, const ImageWatch& watch) = 0;
  // That images of this model can be pushed.
  virtual void check_destination(const std::string& owner, const std::string& name,
                                 const ImageWatch& watch) = 0;
  // Equal weights on an equal template give the same version. `key` names the result until it is
  // pushed.
  virtual BuiltImage build(const std::string& template_image,
                           const std::filesystem::path& weights, const std::string& key,
                           const ImageWatch& watch) = 0;
  // Whether build() has been done for `key` on this machine.
  virtual bool has(const std::string& key) = 0;
  virtual PushedImage push(const std::string& key, const std::string& version,
                           const std::string& owner, const std::string& name,
                           const std::string& template_image, const ImageWatch& watch) = 0;
};

}  // namespace dream::host

#include "host/platform/oci_images.hpp"

#include <fmt/format.h>
#include <sys/file.h>

#include <chrono>
#include <thread>

#include "host/downloads/cache_room.hpp"
#include "host/oci/build.hpp"
#include "host/oci/errors.hpp"
#include "host/oci/image_source.hpp"
#include "host/oci/push.hpp"

namespace dream::host {
namespace {

constexpr std::size_t tag_digits = 12;

oci::Control control_of(const ImageWatch& watch) {
  oci::Control control;
  control.progress = [&watch](const oci::Progress& progress) {
    watch.progress(progress.step, progress.done, progress.total);
  };
  control.note = watch.note;
  control.canceled = watch.canceled;
  return control;
}

// What passes by itself stays as it is; the rest is an ImageError.
template <typename Work>
auto translated(Work&& work) {
  try {
    return work();
  } catch (const oci::InputError& error) {
    throw ImageError(error.what());
  } catch (const oci::LoginError& error) {
    throw ImageError(error.what());
  } catch (const oci::RegistryError& error) {
    if (error.status >= 400 && error.status < 500 && error.status != 429)
      throw ImageError(error.what());
    throw;
  }
}

// One build at a time in a layout, of all processes that share it.
UniqueFd wait_for_turn(const std::filesystem::path& layout, const ImageWatch& watch) {
  const std::filesystem::path file = layout.string() + ".lock";
  while (true) {
    UniqueFd lock = lock_file(file, LOCK_EX, false);
    if (lock.get() >= 0) return lock;
    if (watch.canceled != nullptr && *watch.canceled) throw oci::Canceled();
    watch.progress("waiting for another build", 0, 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

class OciImages : public Images {
 public:
  explicit OciImages(const PlatformOptions& options)
      : registry_(options.registry),
        layout_(options.data / "images"),
        work_(options.data / "blobs" / "incoming") {
    registry_options_.upload_memory = options.data / "pushes";
    if (registry_.empty()) return;
    while (registry_.ends_with('/')) registry_.pop_back();
    try {
      oci::parse_reference(registry_ + "/owner/name");
    } catch (const oci::Error& error) {
      throw std::invalid_argument(fmt::format("--registry: {}", error.what()));
    }
  }

  void check_template(const std::string& image, const ImageWatch& watch) override {
    translated([&] {
      const oci::Control control = control_of(watch);
      const auto name = oci::parse_image_name(image);
      const auto source = oci::open_source(name, registry_options_, control);
      oci::resolve_image(*source, {});
    });
  }

  void check_destination(const std::string& owner, const std::string& name,
                         const ImageWatch& watch) override {
    if (registry_.empty()) return;
    translated([&] {
      oci::check_destination(reference(owner, name, "latest"), registry_options_,
                             control_of(watch));
    });
  }

  BuiltImage build(const std::string& template_image, const std::filesystem::path& weights,
                   const std::string& key, const ImageWatch& watch) override {
    return translated([&] {
      const UniqueFd turn = wait_for_turn(layout_, watch);
      oci::BuildRequest request;
      request.base = oci::parse_image_name(template_image);
      request.weights = weights;
      request.output.layout = oci::LayoutName{layout_, key, std::nullopt};
      request.work_folder = work_;
      const auto built = oci::build_image(request, registry_options_, control_of(watch));
      return BuiltImage{built.version.hex(), built.labels};
    });
  }

  bool has(const std::string& key) override {
    try {
      oci::find_in_layout(oci::Layout::open(layout_), {layout_, key, std::nullopt});
      return true;
    } catch (const oci::Error&) {
      return false;
    }
  }

  PushedImage push(const std::string& key, const std::string& version, const std::string& owner,
                   const std::string& name, const std::string& template_image,
                   const ImageWatch& watch) override {
    if (registry_.empty())
      return {fmt::format("oci:{}@sha256:{}", layout_.string(), version), 0, 0};
    return translated([&] {
      oci::PushRequest request;
      request.image = {layout_, key, std::nullopt};
      request.destination = reference(owner, name, version.substr(0, tag_digits));
      const auto base = oci::parse_image_name(template_image);
      if (base.registry && base.registry->registry == request.destination.registry)
        request.mount_from = {base.registry->repository};
      const auto pushed = oci::push_image(request, registry_options_, control_of(watch));
      return PushedImage{fmt::format("{}/{}@{}", request.destination.registry,
                                     request.destination.repository, pushed.version.text()),
                         pushed.bytes_uploaded, pushed.blobs_mounted};
    });
  }

 private:
  oci::Reference reference(const std::string& owner, const std::string& name,
                           const std::string& tag) const {
    return oci::parse_reference(fmt::format("{}/{}/{}:{}", registry_, owner, name, tag));
  }

  std::string registry_;
  std::filesystem::path layout_;
  std::filesystem::path work_;
  oci::RegistryOptions registry_options_;
};

}  // namespace

std::unique_ptr<Images> make_oci_images(const PlatformOptions& options) {
  return std::make_unique<OciImages>(options);
}

}  // namespace dream::host

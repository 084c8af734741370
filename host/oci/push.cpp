#include "host/oci/push.hpp"

#include <fmt/format.h>

#include <set>

#include "host/oci/blob_upload.hpp"
#include "host/oci/errors.hpp"
#include "host/oci/image_source.hpp"
#include "host/oci/registry.hpp"

namespace dream::host::oci {
namespace {

constexpr int deepest = 3;  // indexes in indexes

class Push {
 public:
  Push(const Layout& layout, Layout* writable, const PushRequest& request, ImageSource* rest,
       const RegistryOptions& options, const Control& control)
      : layout_(layout),
        writable_(writable),
        request_(request),
        rest_(rest),
        control_(control),
        registry_(request.destination.registry, options, control),
        mount_from_(request.mount_from) {
    if (rest != nullptr && rest->registry() == registry_.host())
      mount_from_.push_back(rest->repository());
  }

  PushResult run(const Manifest& image) {
    const std::string tag = request_.destination.manifest_key();
    push(image, tag, 0);
    result_.version = image.descriptor.digest;
    return result_;
  }

 private:
  // What a manifest names goes first, so that whoever sees it finds all of it.
  void push(const Manifest& manifest, const std::string& key, int depth) {
    const std::string where = manifest.descriptor.digest.text();
    const Document document = parse_document(manifest.bytes, where);
    if (manifest.is_index()) {
      if (depth == deepest)
        throw InputError(fmt::format("{}: indexes lie in indexes, deeper than {}", where, deepest));
      for (const Descriptor& entry : parse_index(document, where))
        push(read_manifest(entry), entry.digest.text(), depth + 1);
    } else {
      const ImageManifest image = parse_image_manifest(document, where);
      for (const Descriptor& layer : image.layers) place(layer);
      place(image.config);
    }
    control_.check();
    registry_.put_manifest(request_.destination.repository, key, manifest);
  }

  Manifest read_manifest(const Descriptor& descriptor) const {
    const std::string bytes = layout_.read(descriptor, layout_.path().string());
    const Document document = parse_document(bytes, descriptor.digest.text());
    const std::string type =
        manifest_media_type(document, descriptor.media_type, descriptor.digest.text());
    return {{type, descriptor.digest, descriptor.bytes}, bytes};
  }

  void place(const Descriptor& blob) {
    control_.check();
    if (!placed_.insert(blob.digest).second) return;
    const std::string& repository = request_.destination.repository;
    const auto arrival = place_without_upload(registry_, repository, blob, mount_from_);
    if (arrival == BlobArrival::was_there) ++result_.blobs_there;
    if (arrival == BlobArrival::mounted) ++result_.blobs_mounted;
    if (arrival) return;
    if (!layout_.has(blob) && rest_ != nullptr && writable_ != nullptr)
      rest_->pull_blob(blob, *writable_);
    else if (!layout_.is_sound(blob, control_))
      throw InputError(fmt::format("{}: the blob {} is missing or damaged", layout_.path().string(),
                                   blob.digest.text()));
    BlobUpload(registry_, repository, blob, layout_.blob_path(blob.digest)).run();
    ++result_.blobs_uploaded;
    result_.bytes_uploaded += blob.bytes;
  }

  const Layout& layout_;
  Layout* writable_;
  const PushRequest& request_;
  ImageSource* rest_;
  const Control& control_;
  Registry registry_;
  std::vector<std::string> mount_from_;
  std::set<Digest> placed_;
  PushResult result_;
};

// A push by digest alone would name an image by what it may not be.
void check_name(const Reference& destination, const Digest& digest) {
  if (destination.digest && *destination.digest != digest)
    throw InputError(fmt::format("{}: the image is {}: give a tag instead of a digest",
                                 destination.text(), digest.text()));
}

}  // namespace

PushResult push_image(const PushRequest& request, const RegistryOptions& options,
                      const Control& control) {
  const auto source = open_source({std::nullopt, request.image}, options, control);
  const Manifest image = source->manifest();
  check_name(request.destination, image.descriptor.digest);
  if (request.base) {
    Layout writable = Layout::create(request.image.path);
    const auto rest = open_source(*request.base, options, control);
    return push_image(writable, image, request, rest.get(), options, control);
  }
  const Layout layout = Layout::open(request.image.path);
  return Push(layout, nullptr, request, nullptr, options, control).run(image);
}

PushResult push_image(Layout& layout, const Manifest& image, const PushRequest& request,
                      ImageSource* rest, const RegistryOptions& options, const Control& control) {
  check_name(request.destination, image.descriptor.digest);
  return Push(layout, &layout, request, rest, options, control).run(image);
}

void check_destination(const Reference& destination, const RegistryOptions& options,
                       const Control& control) {
  Registry(destination.registry, options, control).check_push(destination.repository);
}

}  // namespace dream::host::oci

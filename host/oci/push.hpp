// Pushing images: what `dream push` and the platform's push step do. Blocking, from any thread;
// calling it again after any end goes on where it was.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/oci/control.hpp"
#include "host/oci/image_name.hpp"
#include "host/oci/layout.hpp"
#include "host/oci/registry_options.hpp"

namespace dream::host::oci {

class ImageSource;

struct PushRequest {
  LayoutName image;
  Reference destination;  // with a tag; none: "latest"
  // Repositories of the same registry that may have the blobs already.
  std::vector<std::string> mount_from;
  // Where the blobs lie that a thin layout lacks (BuildRequest::thin). What cannot be mounted from
  // there comes through the layout.
  std::optional<ImageName> base;
};

struct PushResult {
  Digest version = Digest::of("");  // of the manifest or index that the tag now names
  std::size_t blobs_there = 0;      // that the repository had
  std::size_t blobs_mounted = 0;
  std::size_t blobs_uploaded = 0;
  std::uint64_t bytes_uploaded = 0;
};

// Throws InputError for a layout or name that is none, LoginError, RegistryError, UnreachableError,
// Canceled, Error (see errors.hpp). Blobs are compared with their digests before they leave; the
// tag is moved last.
PushResult push_image(const PushRequest& request, const RegistryOptions& options,
                      const Control& control);

// The same for an image whose blobs are not all in the layout: what is missing comes from `rest`,
// into the layout, unless the registry has it. Null: nothing may be missing.
PushResult push_image(Layout& layout, const Manifest& image, const PushRequest& request,
                      ImageSource* rest, const RegistryOptions& options, const Control& control);

// Whether `destination` can be pushed to, told before any work is done for it: that it answers, and
// lets this login begin an upload. Throws as push_image().
void check_destination(const Reference& destination, const RegistryOptions& options,
                       const Control& control);

}  // namespace dream::host::oci

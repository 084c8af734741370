// Where a base image comes from: a registry or a layout, which look the same from here.
#pragma once

#include <memory>
#include <string>

#include "host/oci/image_name.hpp"
#include "host/oci/layout.hpp"
#include "host/oci/registry_options.hpp"

namespace dream::host::oci {

class ImageSource {
 public:
  virtual ~ImageSource() = default;

  virtual std::string name() const = 0;  // for messages
  // What the name stands for: a manifest or an index.
  virtual Manifest manifest() = 0;
  // An entry of an index.
  virtual Manifest manifest(const Descriptor& descriptor) = 0;
  // A config or another small blob, verified.
  virtual std::string document(const Descriptor& descriptor) = 0;
  // Puts a blob into `into`, verified.
  virtual void pull_blob(const Descriptor& descriptor, Layout& into) = 0;
  // "HOST" and "owner/name" of a registry; empty for a layout. Other repositories there can be
  // given blobs without moving them.
  virtual std::string registry() const { return ""; }
  virtual std::string repository() const { return ""; }
};

// Throws InputError when there is no such layout. `control` must outlive the result.
std::unique_ptr<ImageSource> open_source(const ImageName& name, const RegistryOptions& options,
                                         const Control& control);

// The image for a platform behind at most three indexes.
Manifest resolve_image(ImageSource& source, const Platform& platform);

// The descriptor in a layout's index.json that a name means: by digest, by tag, or the only one.
// Throws InputError that lists what there is.
Document find_in_layout(const Layout& layout, const LayoutName& name);

}  // namespace dream::host::oci

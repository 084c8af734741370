// Where an image lies: in a registry or in a layout on disk. One spelling for all commands.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "host/oci/reference.hpp"

namespace dream::host::oci {

struct LayoutName {
  std::filesystem::path path;
  std::string tag;  // org.opencontainers.image.ref.name; may be empty
  std::optional<Digest> digest;
};

// One of the two.
struct ImageName {
  std::optional<Reference> registry;
  std::optional<LayoutName> layout;

  std::string text() const;
};

// "oci:PATH[:TAG]" and "docker://REFERENCE" leave no doubt. Else: what begins with '/', './' or
// '../' or exists on disk is a layout, what begins with a host name is in a registry, the rest is a
// layout. PATH may end in ":TAG" or "@sha256:…". Throws InputError that names the text.
ImageName parse_image_name(std::string_view text);
LayoutName parse_layout_name(std::string_view text);

}  // namespace dream::host::oci

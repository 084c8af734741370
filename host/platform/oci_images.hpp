// Images with the OCI library: templates from registries or layouts, versions to a registry, or
// into a layout in the platform's data where there is none.
#pragma once

#include <memory>

#include "host/platform/platform_core.hpp"

namespace dream::host {

// Throws std::invalid_argument for an `options.registry` that is none.
std::unique_ptr<Images> make_oci_images(const PlatformOptions& options);

}  // namespace dream::host

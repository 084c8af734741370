// `dream platform`: the server of the Dreambooth API and the Replicate API. Their functions, steps
// and hosts run on threads; here they meet the listener, the streams and the signals.
#pragma once

#include <functional>
#include <memory>

#include "host/platform/platform_core.hpp"
#include "host/webhooks/signature.hpp"

namespace dream::host {

// Makes the tools for images once the options are known.
using MakeImages = std::function<std::unique_ptr<Images>(const PlatformOptions&)>;

// Serves until SIGINT or SIGTERM; what runs then is let go of, and goes on with the next start.
// Result: the exit code, 0 after a clean end, 1 if the port is taken, the database cannot be used
// or serving failed, 2 for an unusable host or port; the reason is logged on stderr.
int serve_platform(const PlatformOptions& options, const SigningKeys& keys,
                   const MakeImages& make_images);

}  // namespace dream::host

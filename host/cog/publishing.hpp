// Where the files of a prediction's output go, if not into the bodies of answers.
#pragma once

#include <optional>
#include <string>

#include "host/cog/cog_options.hpp"
#include "host/http/message.hpp"
#include "host/predictions/output_queue.hpp"
#include "host/uploads/uploader.hpp"

namespace dream::host {

// What puts the files of prediction `id` where they belong; empty if they stay in the bodies.
// `output_file_prefix` is the client's of the legacy API: the first Cog servers put files there for
// requests that wait, and to the operator's URL for asynchronous ones alone.
PublishFile publisher(Uploader& uploader, const CogOptions& options, const Request& request,
                      const std::string& id, const std::optional<std::string>& output_file_prefix);

}  // namespace dream::host

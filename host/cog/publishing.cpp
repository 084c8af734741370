#include "host/cog/publishing.hpp"

#include <fmt/format.h>

#include "host/cog/negotiation.hpp"
#include "host/uploads/upload_url.hpp"

namespace dream::host {

PublishFile publisher(Uploader& uploader, const CogOptions& options, const Request& request,
                      const std::string& id, const std::optional<std::string>& output_file_prefix) {
  const bool waits = !responds_async(request);
  const bool to_client = options.legacy && waits && output_file_prefix.has_value();
  const bool to_operator = !options.upload_url.empty() && !(options.legacy && waits);
  if (!to_client && !to_operator) return {};
  Upload common;
  common.prediction_id = id;
  common.traceparent = header_or_empty(request, "traceparent");
  common.tracestate = header_or_empty(request, "tracestate");
  common.addresses = to_client ? options.client_addresses : AddressRule::any;
  const std::string base = to_client ? *output_file_prefix : options.upload_url;
  return [&uploader, common, base, to_client](const OutputItem& file, auto abandoned, auto done) {
    Upload upload = common;
    const std::string name = file.path.filename().string();  // unlike file.name it is unique
    upload.file = file.path;
    upload.media_type = file.media_type;
    upload.url = to_client ? base + name : upload_url(base, name);
    if (to_client) upload.form_name = name;
    uploader.start(std::move(upload), std::move(abandoned),
                   [name, done](const std::string& url, const std::string& error) {
                     done(url, url.empty() ? fmt::format("cannot upload {}: {}", name, error) : "");
                   });
  };
}

}  // namespace dream::host

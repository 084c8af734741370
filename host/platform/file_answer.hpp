// Blobs as answers, whole or a part of them.
#pragma once

#include <string>

#include "host/platform/api.hpp"

namespace dream::host {

// A blob as a download: 200, or 206 and 416 as the request's Range asks for (one range; several are
// answered with the whole, as RFC 9110 allows), or 304.
ApiAnswer file_answer(const Request& request, const BlobFile& file, const std::string& name,
                      const std::string& type, const std::string& sha256);

// Sends an answer with a file piece by piece, as fast as its reader takes it.
void send_file(Exchange& exchange, ApiAnswer answer);

}  // namespace dream::host

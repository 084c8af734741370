// The OpenAPI 3.0.2 document of one template, shaped as Cog generates it, so that Cog clients and
// form builders read ours unchanged.
#pragma once

#include <nlohmann/json.hpp>

namespace dream::host {

// `schema` is a SCHEMA object of host/workers/protocol.hpp. Throws nlohmann::json::exception if it
// is not one.
nlohmann::json openapi_document(const nlohmann::json& schema);

// Whether predictions of the template can be watched over server-sent events: its output comes item
// by item, or the template says so because it takes long.
bool is_streamed(const nlohmann::json& schema);

}  // namespace dream::host

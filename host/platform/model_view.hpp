// How models and versions look to clients.
#pragma once

#include <string>

#include "host/platform/platform_core.hpp"
#include "host/platform/problem.hpp"

namespace dream::host {

// With its newest version and its example, if there are any. `base`: how the client reaches us.
Json model_view(PlatformCore& core, const Model& model, const std::string& base);
Json version_view(PlatformCore& core, const Version& version);

// The OpenAPI document of a version: that of the template of this machine that runs it, as far as
// it has run once, else that of its image, else one that says no more than that there are inputs
// and outputs.
Json version_schema(PlatformCore& core, const Version& version);
// What a host of a template says of itself is known from now on.
void keep_schema(PlatformCore& core, const std::string& template_name, const Json& openapi);
// Null as long as no host of the template has told.
Json kept_schema(PlatformCore& core, const std::string& template_name);

}  // namespace dream::host

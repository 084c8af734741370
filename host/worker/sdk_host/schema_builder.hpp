// The dream_schema a template fills in describe().
#pragma once

#include <dream/abi/schema.h>

#include "host/worker/sdk_host/diffusion_inputs.hpp"
#include "host/worker/sdk_host/schema.hpp"

struct dream_schema {
  dream::worker::TemplateSchema schema;
  dream::worker::DiffusionDefaults defaults;
};

namespace dream::worker {

// A template's declaration of one input, copied. Throws SdkError for what cannot be read.
InputSpec read_input(const dream_input& input);
ControlSource read_source(const dream_control_source& source);

}  // namespace dream::worker

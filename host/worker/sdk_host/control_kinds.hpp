// What the host knows about controls by name: which network and which annotator belong together,
// and the inputs that an annotator's options become.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/worker/sdk_host/schema.hpp"

namespace dream::worker {

// The inputs that set an annotator's options; none for "". Throws SdkError (DREAM_INVALID_INPUT),
// which names those that exist, for an unknown one.
std::vector<InputSpec> annotator_inputs(const std::string& annotator);

// The control that `name` in extra_controls means: a kind ("canny" is controlnet-canny, "sketch"
// t2i-adapter-sketch) or a network of the model store ("t2i-adapter-canny", "my-controlnet"), whose
// pictures are control maps already unless its name ends with a kind.
ControlSource control_by_name(std::string_view name);

// The kinds, for messages.
std::vector<std::string> control_kind_names();

}  // namespace dream::worker

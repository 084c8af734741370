// Files of strangers on their way into the blob store: what a trainer made, what a client brings,
// the pictures of a training.
#pragma once

#include <string>

#include "host/platform/step_context.hpp"

namespace dream::host {

// Fetches what `url` means (one of our own files, a data URL, or http and https within the rule of
// the options) and keeps it. `what` begins messages. Throws StepFailed for what is no file, and
// std::runtime_error for what may pass.
Blob take_in(StepContext& context, const std::string& url, const std::string& what,
             std::uint64_t most_bytes);

// The output that a trainer reports, with a data URL in it replaced by {"blob": SHA256} of what it
// holds: tables are no place for files. Throws Refusal (422) for one that is not base64.
struct StoredOutput {
  Json output;
  std::optional<std::string> blob = {};
};
StoredOutput stored_output(PlatformCore& core, const Json& output);

// That a blob is an archive of weights that can become a layer. Throws StepFailed.
void check_weights(StepContext& context, const std::string& sha256);

// The inputs of a training that name an archive of pictures are looked at, before any compute is
// spent. Throws StepFailed naming the input. What is not fetched yet is fetched for it.
void check_datasets(StepContext& context);

// The same for what lies in the blob store already: "" or the problem, naming the input in `field`.
std::string stored_dataset_problem(PlatformCore& core, const Json& input, std::string& field);

}  // namespace dream::host

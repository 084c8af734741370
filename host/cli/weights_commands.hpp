// The subcommands of `dream weights`, one file each.
#pragma once

#include <string>

#include "host/cli/commands.hpp"
#include "weights/tensor_view.hpp"

namespace dream::host {

void add_weights_convert(CLI::App& weights, Command& chosen);
void add_weights_init(CLI::App& weights, Command& chosen);
// `pull` and `list`.
void add_weights_pull(CLI::App& weights, Command& chosen);
void add_weights_verify(CLI::App& weights, Command& chosen);

// "fp32", "fp16" or "bf16", which the command line has checked.
weights::DType storage_dtype(const std::string& name);

}  // namespace dream::host

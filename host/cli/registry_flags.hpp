// The flags of commands that speak to registries, and how their errors end a command.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "host/oci/control.hpp"
#include "host/oci/registry_options.hpp"

namespace dream::host {

struct RegistryFlags {
  oci::RegistryOptions options;
  std::string ca_file, credentials_file;
  std::string user;
  bool password_stdin = false;

  void add_to(CLI::App& app);
  // Reads the password, if it comes on stdin. Throws UsageError.
  oci::RegistryOptions resolved() const;
};

// Runs `work` with progress and notes on stderr and Ctrl-C as its cancel flag. Turns errors about
// input into UsageError and a cancel into Interrupted.
int run_image_work(const std::function<int(const oci::Control&)>& work);

}  // namespace dream::host

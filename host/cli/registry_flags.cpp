#include "host/cli/registry_flags.hpp"

#include <fmt/format.h>

#include <iostream>

#include "host/base/paths.hpp"
#include "host/cli/byte_progress.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/interrupt_flag.hpp"
#include "host/oci/errors.hpp"

namespace dream::host {

void RegistryFlags::add_to(CLI::App& app) {
  app.add_flag("--plain-http", options.plain_http,
               "Speak HTTP without TLS; a registry on the loopback may do so without this");
  app.add_option("--ca", ca_file, "PEM file of the authorities to trust for registries")
      ->envname("DREAM_REGISTRY_CA")
      ->check(CLI::ExistingFile)
      ->type_name("FILE");
  app.add_option("--credentials", credentials_file,
                 "Logins, as docker's config.json (default: where docker and podman keep them)")
      ->check(CLI::ExistingFile)
      ->type_name("FILE");
  app.add_option("--username", user, "Log in with this name; needs --password-stdin")
      ->type_name("NAME");
  app.add_flag("--password-stdin", password_stdin, "Read the password for --username from stdin");
  app.add_option("--tries", options.tries, "Of a step that fails, in a row (default 6)")
      ->check(CLI::Range(1, 100))
      ->type_name("N");
  app.add_option("--chunk-size", options.chunk_bytes,
                 "Larger blobs go up in pieces of this size (default 64MB)")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{1} << 10, std::uint64_t{1} << 40))
      ->type_name("SIZE");
}

oci::RegistryOptions RegistryFlags::resolved() const {
  oci::RegistryOptions resolved = options;
  resolved.ca_file = ca_file;
  resolved.credentials_file = credentials_file;
  resolved.upload_memory = default_download_cache().parent_path() / "uploads";
  if (user.empty() != !password_stdin)
    throw UsageError("--username and --password-stdin belong together");
  if (user.empty()) return resolved;
  std::string password;
  std::getline(std::cin, password);
  if (password.ends_with('\r')) password.pop_back();
  if (password.empty()) throw UsageError("--password-stdin: stdin has no password");
  resolved.login = oci::Login{user, password, ""};
  return resolved;
}

int run_image_work(const std::function<int(const oci::Control&)>& work) {
  ByteProgress bar;
  oci::Control control;
  control.canceled = &interrupt_flag();
  control.progress = [&](const oci::Progress& progress) {
    bar.show(progress.step, progress.done, progress.total);
  };
  control.note = [&](const std::string& text) { bar.print(fmt::format("dream: {}\n", text)); };
  try {
    return work(control);
  } catch (const oci::Canceled&) {
    throw Interrupted();
  } catch (const oci::InputError& error) {
    throw UsageError(error.what());
  }
}

}  // namespace dream::host

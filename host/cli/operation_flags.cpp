#include "host/cli/operation_flags.hpp"

#include <cstdlib>

#include "git_revision.hpp"

namespace dream::host {
namespace {

// Where Cog's servers make theirs, and the sign by which they know that somebody looks for it.
constexpr char cog_ready_file[] = "/var/run/cog/ready";
constexpr char kubernetes_sign[] = "KUBERNETES_SERVICE_HOST";

}  // namespace

void OperationFlags::add_to(CLI::App& app) {
  app.add_option("--drain-timeout", drain_s,
                 "What is in work at SIGTERM or POST /shutdown may end within so long; then it\n"
                 "is canceled")
      ->check(CLI::Range(0.0, 86'400.0))
      ->capture_default_str()
      ->type_name("SECONDS");
  app.add_option("--ready-file", ready_file,
                 "Made once the set-up has succeeded, removed at a shutdown (in Kubernetes\n"
                 "/var/run/cog/ready, else none)")
      ->type_name("PATH");
  CLI::Option* const cert = app.add_option("--tls-cert", certificate,
                                           "Serve HTTPS with this certificate and its chain (PEM)")
                                ->type_name("FILE");
  CLI::Option* const own = app.add_option("--tls-key", key,
                                          "The certificate's private key (PEM); both files are\n"
                                          "read again at SIGHUP")
                               ->type_name("FILE");
  cert->needs(own);
  own->needs(cert);
}

void OperationFlags::apply(ServeOptions& options) const {
  options.drain_limit = std::chrono::milliseconds(static_cast<std::int64_t>(drain_s * 1000));
  options.ready_file = ready_file;
  if (ready_file.empty() && std::getenv(kubernetes_sign) != nullptr)
    options.ready_file = cog_ready_file;
  options.tls = {certificate, key};
  options.revision = git_revision;
}

}  // namespace dream::host

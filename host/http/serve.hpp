// `dream serve`: the Cog HTTP server over a pool of workers. Everything of the host process meets
// here: listener, routes, predictions, webhooks, signals, shutdown.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "host/cog/cog_options.hpp"
#include "host/downloads/download_cache.hpp"
#include "host/http/tls_files.hpp"
#include "host/predictions/service.hpp"
#include "host/webhooks/signature.hpp"
#include "host/workers/worker_pool.hpp"

namespace dream::host {

struct ServeOptions {
  std::string host = "127.0.0.1";  // an address or a host name
  int port = 5000;                 // 1 to 65535; 0 lets the system choose (logged)
  WorkerOptions worker;  // weights may be a URL
  ServiceOptions service;
  CogOptions cog;
  bool await_explicit_shutdown = false;  // ignore SIGTERM; end on SIGINT and POST /shutdown only
  SigningKeys webhook_keys;              // none: webhooks are not signed
  CacheOptions downloads;                // of what requests name by URL
  // What must survive this process: the outbox of webhooks. Empty: nothing does.
  std::filesystem::path state_dir;
  std::chrono::milliseconds drain_limit{25'000};  // for what is in work at a shutdown
  std::filesystem::path ready_file;  // made once the set-up has succeeded; empty: none
  TlsFiles tls;                      // empty: plain HTTP; read again at SIGHUP
  std::string revision;              // of the source this was built from, for GET /metrics
};

// Serves until SIGINT, SIGTERM or POST /shutdown: then nothing new is accepted, what was accepted
// may end within `drain_limit` and is canceled after it. A second signal cancels at once. Listens
// before the workers start. Result: the exit code, 0 after a clean shutdown, 1 if the port is taken
// or serving failed, 2 for an unusable host, port, certificate or key; the reason is logged on
// stderr.
int serve(const ServeOptions& options);

}  // namespace dream::host

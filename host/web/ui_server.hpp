// `dream ui`: the playground for a Cog server that runs elsewhere. Serves the page, and forwards
// what it asks of its API.
#pragma once

#include <string>

namespace dream::host {

struct UiOptions {
  std::string host = "127.0.0.1";  // an address or a host name
  int port = 5001;                 // 1 to 65535; 0 lets the system choose (logged)
  std::string target;              // of the form server_address() gives
};

// "http://localhost:5000/" → "http://localhost:5000": no slash at the end, no query. Throws
// std::invalid_argument, naming the text, if it is not the address of an http or https server.
std::string server_address(const std::string& url);

// Serves until SIGINT or SIGTERM. Result: the exit code, 0 after a clean end, 1 if the port is
// taken, 2 for an unusable host or port; the reason is logged on stderr.
int serve_ui(const UiOptions& options);

}  // namespace dream::host

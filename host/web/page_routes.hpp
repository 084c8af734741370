// The two pages of the binary and their files: the playground at /ui, and the platform's page at /.
// Both use addresses relative to their own, so that they also work below a path of a reverse proxy;
// the playground finds its server through ui/config.json.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/http/router.hpp"
#include "host/web/assets.hpp"

namespace dream::host {

// Where the page finds its Cog server.
struct PageConfig {
  std::string api;     // relative to the folder of /ui: "" for its own server, "api/" for a proxy
  std::string server;  // the server's address for people and copied code; empty: that of the page
};

class PageRoutes {
 public:
  // The playground.
  explicit PageRoutes(PageConfig config) : config_(std::move(config)) {}
  // The platform's page, whose API is beside it.
  static PageRoutes of_platform() { return PageRoutes(); }

  // The routes keep a reference to this object.
  void add_to(Router& router);

 private:
  PageRoutes() = default;
  void add_files(Router& router);
  void add_config(Router& router);
  void send(Exchange& exchange, std::size_t index);

  std::optional<PageConfig> config_;  // of the playground
  std::vector<std::string> compressed_;  // by index of assets(), made when first asked for
};

// What a browser may do with the page: nothing from elsewhere, no inline code, no frame around it.
inline constexpr char page_security_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

}  // namespace dream::host

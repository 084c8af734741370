// GET /ui and the files of the page below it. The page finds its server through ui/config.json and
// uses addresses relative to its own, so that it also works below a path of a reverse proxy.
#pragma once

#include <memory>
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
  explicit PageRoutes(PageConfig config) : config_(std::move(config)) {}

  // The routes keep a reference to this object.
  void add_to(Router& router);

 private:
  void send(Exchange& exchange, std::size_t index);

  PageConfig config_;
  std::vector<std::string> compressed_;  // by index of assets(), made when first asked for
};

// What a browser may do with the page: nothing from elsewhere, no inline code, no frame around it.
inline constexpr char page_security_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

}  // namespace dream::host

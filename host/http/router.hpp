// Method and path → handler, with `{name}` for one path segment. Answers 404, 405 with Allow, and
// HEAD wherever GET is served.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "host/http/message.hpp"

namespace dream::host {

using Handler = std::function<void(std::shared_ptr<Exchange>)>;

class Router {
 public:
  // `pattern`: "/predictions/{id}/cancel". A parameter matches one segment that is not empty.
  void add(std::string method, std::string_view pattern, Handler handler);

  // Calls the handler of the route, or answers 404, 405 or (for a parameter that is not UTF-8) 400.
  // An exception that a handler throws becomes a 500.
  void handle(const std::shared_ptr<Exchange>& exchange) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    Handler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace dream::host

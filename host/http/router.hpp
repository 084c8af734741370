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

  // A route whose body may be large: it goes to what `open` gives piece by piece, as it comes. Null
  // from it: the request is to be refused by the handler, its body is bounded as any other.
  using SinkOpener = std::function<std::shared_ptr<BodySink>(const Request& head)>;
  void add_upload(std::string method, std::string_view pattern, SinkOpener open, Handler handler);
  // For the connection: `head` is a request without its body. Null: keep the body in memory.
  std::shared_ptr<BodySink> open_sink(Request head) const;
  bool takes_uploads() const { return takes_uploads_; }

  // Calls the handler of the route, or answers 404, 405 or (for a parameter that is not UTF-8) 400.
  // An exception that a handler throws becomes a 500.
  void handle(const std::shared_ptr<Exchange>& exchange) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    Handler handler;
    SinkOpener open_sink;
  };
  std::vector<Route> routes_;
  bool takes_uploads_ = false;
};

}  // namespace dream::host

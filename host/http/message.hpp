// A request and its answer, free of any HTTP library, so that the routes compile fast and can be
// called from tests without a socket.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/http/body_sink.hpp"
#include "host/http/body_stream.hpp"

namespace dream::host {

// The weight (q=) of one part of an Accept header; 1 if it states none.
double quality_of(std::string_view part);

struct Request {
  std::string method;
  std::string path;   // percent-encoded, without the query
  std::string query;  // after '?'
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body = {};
  std::map<std::string, std::string> parameters = {};  // of the route, percent-decoded
  std::shared_ptr<BodySink> sink = {};            // took the body, which is then empty here

  // The first header of that name (case does not matter), or nullptr.
  const std::string* header(std::string_view name) const;
};

// The path of a request that was routed, without what only its holder may know: the value of a
// parameter {capability}.
std::string path_for_logs(const Request& request);

struct Response {
  int status = 200;
  std::string content_type = {};  // empty: no body
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // names in lower case
};

// One request being answered. A handler keeps it and responds now or later, exactly once; what
// comes after the client has gone is ignored. Lives on the io_context thread.
class Exchange {
 public:
  explicit Exchange(Request request) : request_(std::move(request)) {}

  Request& request() { return request_; }
  void respond(Response response);
  // Answers with `head` and a body that `source` makes piece by piece; `head.body` is not used. If
  // the client has gone already, the stream that comes back is closed.
  std::shared_ptr<BodyStream> begin_stream(Response head, BodyStream::Source source);

  // Runs `callback` if the client goes away before the answer.
  void on_disconnect(std::function<void()> callback) { on_disconnect_ = std::move(callback); }

  // For the connection: `callback` runs at the answer; disconnect() tells that the client has gone.
  void on_response(std::function<void()> callback) { on_response_ = std::move(callback); }
  void disconnect();
  bool answered() const { return answered_; }
  const Response& response() const { return response_; }
  // Null for an answer with a body that is there as a whole.
  const std::shared_ptr<BodyStream>& stream() const { return stream_; }

 private:
  Request request_;
  Response response_;
  std::shared_ptr<BodyStream> stream_;
  bool answered_ = false;
  bool gone_ = false;
  std::function<void()> on_disconnect_;
  std::function<void()> on_response_;
};

// "Method Not Allowed" for 405; "Unknown" for a status outside the standard.
std::string_view reason_phrase(int status);

}  // namespace dream::host

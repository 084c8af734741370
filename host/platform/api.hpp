// The platform's HTTP API as plain functions from a request to an answer. They block on the
// database, so the server runs them on threads of its own; nothing here knows of sockets.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "host/http/router.hpp"
#include "host/platform/platform_core.hpp"

namespace dream::host {

// An answer that is to come later: asked for again and again, on any thread, until it is there.
struct ApiPatience {
  std::chrono::milliseconds limit{0};
  // Nothing: not yet. `is_over`: the last time of asking, so there must be one.
  std::function<std::optional<Response>(bool is_over)> look;
};

struct FilePart {
  std::uint64_t first = 0;   // byte
  std::uint64_t length = 0;  // bytes
};

struct ApiAnswer {
  Response response;
  std::optional<BlobFile> file = {};           // the body, instead of that of `response`
  FilePart part = {};                          // of `file`
  std::shared_ptr<ApiPatience> patience = {};  // instead of all else
};

using ApiHandler = std::function<ApiAnswer(Request&)>;
// What a handler may have to wait for: the database alone, or a store of files elsewhere, a
// registry, a trainer. The latter run on threads of their own, so that the former answer meanwhile.
enum class WaitsFor { database, others };

class AddRoute {
 public:
  using Add = std::function<void(const char* method, const char* pattern, ApiHandler, WaitsFor)>;
  explicit AddRoute(Add add) : add_(std::move(add)) {}
  void operator()(const char* method, const char* pattern, ApiHandler handler,
                  WaitsFor waits = WaitsFor::database) const {
    add_(method, pattern, std::move(handler), waits);
  }

 private:
  Add add_;
};
// What is uploaded may go to a store elsewhere.
using AddUpload = std::function<void(const char* method, const char* pattern,
                                     Router::SinkOpener open, ApiHandler handler)>;

// Runs a handler; a Refusal becomes its answer, anything else a 500 that is logged.
ApiAnswer answer_of(const ApiHandler& handler, Request& request);

// How the client reaches us: the public URL of the options, else by the Host that it sent.
std::string base_of(const PlatformOptions& options, const Request& request);

class PlatformApi {
 public:
  // `wake`: there is a new step or webhook.
  PlatformApi(PlatformCore& core, std::function<void()> wake)
      : core_(core), wake_(std::move(wake)) {}

  // Both are called for every route; what a handler throws is the server's to answer (answer_of).
  void add_routes(const AddRoute& add, const AddUpload& add_upload);

 private:
  using Method = ApiAnswer (PlatformApi::*)(Request&);
  ApiHandler bound(Method method) {
    return [this, method](Request& request) { return (this->*method)(request); };
  }

  void add_training_routes(const AddRoute& add);
  void add_file_routes(const AddRoute& add, const AddUpload& add_upload);
  void add_catalogue_routes(const AddRoute& add);

  ApiAnswer create_training(Request& request);
  Response create_checked(const Caller& caller, const Json& body, const std::string& base,
                          const std::string& id);
  ApiAnswer get_training(Request& request);
  ApiAnswer list_trainings(Request& request);
  ApiAnswer cancel_training(Request& request);
  ApiAnswer retry_training(Request& request);
  ApiAnswer hear_trainer(Request& request);

  ApiAnswer list_trainers(Request& request);
  ApiAnswer get_trainer(Request& request);
  ApiAnswer list_templates(Request& request);

  std::shared_ptr<BodySink> open_upload_form(const Request& head);
  ApiAnswer begin_upload(Request& request);
  std::shared_ptr<BodySink> open_upload(const char* purpose, const Request& head);
  ApiAnswer finish_upload(Request& request);
  ApiAnswer finish_output(Request& request);
  ApiAnswer finish_host_output(Request& request);
  ApiAnswer get_file(Request& request);
  ApiAnswer get_weights(Request& request);

  // Of the account of the request. Throws Refusal (401, 404).
  Training own_training(const Request& request);
  Response view_of(int status, const Training& training, const std::string& base);

  PlatformCore& core_;
  std::function<void()> wake_;
};

}  // namespace dream::host

// Requests to an S3-compatible store, signed (SigV4, by libcurl) and tried again.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "host/s3/address.hpp"
#include "host/webhooks/curl.hpp"

namespace dream::host::s3 {

struct Request {
  std::string method;
  std::string key = {};  // below the prefix; empty: of the bucket itself
  // Canonical already, since libcurl signs it as it is: "name=value" in order, '=' after a name
  // without a value too.
  std::string query = {};
  std::string_view body = {};
  std::vector<std::string> headers = {};
  // The body of a good answer, piece by piece; else it is kept in Reply::body.
  std::function<void(std::string_view)> sink = {};
  // Of the whole request, which is then tried once; 0: as long as bytes come.
  std::chrono::seconds limit{0};
};

struct Reply {
  long status = 0;
  std::string body;  // at most 1 MiB of it
  std::string etag;

  bool good() const { return status >= 200 && status < 300; }
};

struct Patience {
  int tries = 6;
  std::chrono::milliseconds first_pause{200};  // doubled each time, at most 10 s
};

class Client {
 public:
  Client(Address address, Credentials credentials, Patience patience = {})
      : address_(std::move(address)), credentials_(std::move(credentials)), patience_(patience) {}

  const Address& address() const { return address_; }
  // Safe from any thread. Tries again after no answer, 429, 5xx and RequestTimeout: but not once
  // `sink` has had something. Throws Unavailable when no try brought an answer, or stop() was
  // called. An answer is returned whatever its status.
  Reply call(const Request& request);
  // As call(), but throws Unavailable for any other answer than a good one, or 404 if that is
  // allowed; `what` begins the message.
  Reply expect(const Request& request, std::string_view what, bool or_missing = false);
  // What runs ends soon, what comes fails at once.
  void stop() { stopping_ = true; }
  bool stopping() const { return stopping_; }

 private:
  struct Attempt;
  Reply try_once(const Request& request, std::string& problem, bool& begun);
  bool pause(int failures) const;
  CurlHandle take_handle();

  const Address address_;
  const Credentials credentials_;
  const Patience patience_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<CurlHandle> idle_;  // with their connections
};

// "AccessDenied: Access Denied (403)": what an answer says of itself.
std::string problem_of(const Reply& reply);

}  // namespace dream::host::s3

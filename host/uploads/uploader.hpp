// Puts files where an operator wants outputs to be (`--upload-url`), off the io_context thread:
// PUT with the file as the body, as Cog does it, with retries.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "host/downloads/address_rule.hpp"

namespace dream::host {

struct UploadPolicy {
  std::chrono::seconds connect{10};
  std::chrono::seconds stall{25};   // without a byte moving
  std::chrono::seconds total{600};  // of one attempt
  int max_retries = 3;              // on network errors and 408, 429, 500, 502, 503, 504
  std::chrono::milliseconds backoff{200};  // × 2, 4, … between them
};

struct Upload {
  std::filesystem::path file;
  std::string url;  // whole, of this file
  std::string media_type;
  // As a field `file` of a multipart form, which is how the first Cog servers sent files to a
  // client's `output_file_prefix`; the name that the form tells.
  std::optional<std::string> form_name = {};
  AddressRule addresses = AddressRule::any;  // stricter where a client chose the URL
  std::string prediction_id = {};
  std::string traceparent = {};  // headers of the request that started the prediction
  std::string tracestate = {};
};

class Uploader {
 public:
  explicit Uploader(boost::asio::io_context& io, UploadPolicy policy = {});
  ~Uploader();  // gives up what is on its way; no callback runs after it

  // `done` runs on the io_context thread with the URL for clients: that of the Location header,
  // else the one that took the file after redirects, without its query. If that is empty, with the
  // reason. Ends early once `abandoned` is true.
  void start(Upload upload, std::shared_ptr<const std::atomic<bool>> abandoned,
             std::function<void(const std::string& url, const std::string& error)> done);

 private:
  struct Result {
    std::string url;
    std::string error;
    bool is_transient = false;
  };
  Result attempt(const Upload& upload, const std::atomic<bool>& abandoned) const;
  Result run(const Upload& upload, const std::atomic<bool>& abandoned) const;

  boost::asio::io_context& io_;
  const UploadPolicy policy_;
  std::atomic<bool> stopping_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // of the io_context thread
  boost::asio::thread_pool threads_;
};

}  // namespace dream::host

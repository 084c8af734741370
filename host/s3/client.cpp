#include "host/s3/client.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <exception>
#include <random>
#include <thread>

#include "host/base/text.hpp"
#include "host/s3/xml.hpp"
#include "host/storage/blobs.hpp"

namespace dream::host::s3 {
namespace {

constexpr char user_agent[] = "dream-platform";
constexpr std::size_t most_body = 1U << 20;
constexpr std::size_t most_idle = 8;
constexpr std::chrono::milliseconds longest_pause{10000};
constexpr long connect_seconds = 10;
constexpr long stall_seconds = 60;  // without a byte

std::string sha256_hex(std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest.at(i));
  return text;
}

// Answers that another try may better.
bool may_pass(const Reply& reply) {
  return reply.status == 429 || reply.status == 500 || reply.status == 502 ||
         reply.status == 503 || reply.status == 504 ||
         (reply.status == 400 && element(reply.body, "Error.Code") == "RequestTimeout");
}

}  // namespace

std::string problem_of(const Reply& reply) {
  const std::string code = element(reply.body, "Error.Code");
  const std::string message = element(reply.body, "Error.Message");
  if (code.empty()) return fmt::format("HTTP status {}", reply.status);
  return fmt::format("{}: {} (HTTP status {})", code, valid_utf8(message.substr(0, 300)),
                     reply.status);
}

// What libcurl calls back to while a request runs.
struct Client::Attempt {
  const Request& request;
  const std::atomic<bool>& stopping;
  CURL* curl;
  Reply reply = {};
  bool begun = false;
  std::exception_ptr error = {};

  static std::size_t take(char* data, std::size_t size, std::size_t count, void* user) {
    auto& self = *static_cast<Attempt*>(user);
    const std::string_view bytes(data, size * count);
    curl_easy_getinfo(self.curl, CURLINFO_RESPONSE_CODE, &self.reply.status);
    if (!self.request.sink || !self.reply.good()) {
      if (self.reply.body.size() + bytes.size() <= most_body) self.reply.body += bytes;
      return bytes.size();
    }
    self.begun = true;
    try {
      self.request.sink(bytes);
      return bytes.size();
    } catch (...) {
      self.error = std::current_exception();  // libcurl is C
      return 0;
    }
  }

  static std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user) {
    const std::string_view line(data, size * count);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && lower(line.substr(0, colon)) == "etag")
      static_cast<Attempt*>(user)->reply.etag = trimmed(line.substr(colon + 1), " \t\r\n");
    return line.size();
  }

  static int look(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Attempt*>(user)->stopping ? 1 : 0;
  }
};

CurlHandle Client::take_handle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return {};
  CurlHandle handle = std::move(idle_.back());
  idle_.pop_back();
  return handle;
}

Reply Client::try_once(const Request& request, std::string& problem, bool& begun) {
  std::string url = address_.bucket_url() + "/";
  if (!request.key.empty()) url += address_.prefix + request.key;
  if (!request.query.empty()) url += "?" + request.query;
  CurlHandle handle = take_handle();
  renew_curl(handle, url, user_agent);
  CURL* const curl = handle.get();
  CurlHeaders headers;
  for (const auto& line : request.headers) add_header(headers, line);
  add_header(headers, "x-amz-content-sha256: " + sha256_hex(request.body));
  add_header_if_sound(headers, "x-amz-security-token", credentials_.session_token);
  add_header(headers, "Content-Type: application/octet-stream");
  Attempt attempt{request, stopping_, curl};
  const std::string signer = fmt::format("aws:amz:{}:s3", address_.region);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);  // a signature is for one host
  curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, signer.c_str());
  curl_easy_setopt(curl, CURLOPT_USERNAME, credentials_.key_id.c_str());
  curl_easy_setopt(curl, CURLOPT_PASSWORD, credentials_.secret.c_str());
  if (request.method == "PUT" || request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
  } else if (request.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Attempt::take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &attempt);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Attempt::take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &attempt);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Attempt::look);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &attempt);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, connect_seconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, stall_seconds);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(request.limit.count()));
  const CURLcode code = curl_easy_perform(curl);
  begun = attempt.begun;
  if (attempt.error) std::rethrow_exception(attempt.error);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &attempt.reply.status);
  if (code != CURLE_OK) {
    problem = curl_easy_strerror(code);
    attempt.reply.status = 0;
    return std::move(attempt.reply);
  }
  const std::lock_guard lock(mutex_);
  if (idle_.size() < most_idle) idle_.push_back(std::move(handle));
  return std::move(attempt.reply);
}

// Whether there is another try; waits for it.
bool Client::pause(int failures) const {
  if (failures >= patience_.tries || stopping_) return false;
  const auto doubled = std::min<std::chrono::milliseconds>(
      patience_.first_pause * (1 << std::min(failures - 1, 16)), longest_pause);
  // Those that failed together shall not all come back together.
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(
                       doubled.count() / 2, doubled.count())(random));
  while (!stopping_ && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return !stopping_;
}

Reply Client::call(const Request& request) {
  for (int failures = 1;; ++failures) {
    if (stopping_) throw BlobsUnavailable(address_.text() + ": the platform is ending");
    std::string problem;
    bool begun = false;
    Reply reply = try_once(request, problem, begun);
    const bool again = reply.status == 0 || may_pass(reply);
    if (!again) return reply;
    if (begun || request.limit.count() > 0 || !pause(failures)) {
      if (reply.status != 0) return reply;
      throw BlobsUnavailable(fmt::format("{}: {}", address_.text(), problem));
    }
  }
}

Reply Client::expect(const Request& request, std::string_view what, bool or_missing) {
  Reply reply = call(request);
  if (!reply.good() && !(or_missing && reply.status == 404))
    throw BlobsUnavailable(fmt::format("{}: {}: {}", address_.text(), what, problem_of(reply)));
  return reply;
}

}  // namespace dream::host::s3

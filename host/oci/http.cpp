#include "host/oci/http.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>

#include "host/base/text.hpp"
#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

constexpr std::size_t most_header_bytes = 64 << 10;
constexpr long connect_s = 30;
constexpr long stalled_s = 60;  // without a byte

// One request under way. Callbacks of C code: what is thrown waits in `error`.
struct Transfer {
  const HttpRequest& request;
  const Control& control;
  CURL* curl;
  HttpAnswer answer = {};
  std::size_t header_bytes = 0;
  std::uint64_t sent = 0;
  bool begun = false;
  std::exception_ptr error = nullptr;

  template <typename Action>
  bool guarded(Action action) {
    try {
      action();
      return true;
    } catch (...) {
      error = std::current_exception();
      return false;
    }
  }
};

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line = trimmed({data, size * count}, " \t\r\n");
  if (line.starts_with("HTTP/")) {  // another answer: behind a redirect, or after "100 Continue"
    transfer.answer.headers.clear();
    transfer.header_bytes = 0;
  }
  transfer.header_bytes += line.size();
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || transfer.header_bytes > most_header_bytes)
    return size * count;
  std::string& value = transfer.answer.headers[lower(line.substr(0, colon))];
  if (!value.empty()) value += ", ";  // a header that is repeated is a list
  value += trimmed(line.substr(colon + 1), " \t");
  return size * count;
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &transfer.answer.status);
  const bool good = transfer.answer.status == 200 || transfer.answer.status == 206;
  const bool sound = transfer.guarded([&] {
    if (good && transfer.request.take) {
      if (!transfer.begun && transfer.request.begin) transfer.request.begin(transfer.answer);
      transfer.begun = true;
      transfer.request.take(std::as_bytes(std::span(data, bytes)));
    } else if (bytes > transfer.request.most_answer_bytes - transfer.answer.body.size()) {
      throw Error(fmt::format("{}: the answer has more than {} bytes", transfer.request.url,
                              transfer.request.most_answer_bytes));
    } else {
      transfer.answer.body.append(data, bytes);
    }
  });
  return sound ? bytes : 0;
}

std::size_t give_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const HttpRequest& request = transfer.request;
  const std::uint64_t all = request.fd < 0 ? request.body.size() : request.bytes;
  const auto room =
      static_cast<std::size_t>(std::min<std::uint64_t>(size * count, all - transfer.sent));
  if (room == 0) return 0;
  std::size_t got = room;
  if (request.fd < 0) {
    request.body.copy(data, room, transfer.sent);
  } else {
    const ssize_t part =
        ::pread(request.fd, data, room, static_cast<off_t>(request.offset + transfer.sent));
    if (part <= 0) {
      transfer.guarded([] { throw Error("a blob cannot be read, or became shorter"); });
      return CURL_READFUNC_ABORT;
    }
    got = static_cast<std::size_t>(part);
  }
  transfer.sent += got;
  const bool sound = transfer.guarded([&] {
    if (request.sent) request.sent(transfer.sent);
  });
  return sound ? got : CURL_READFUNC_ABORT;
}

// For a connection that was kept and had been closed meanwhile: curl begins the body again.
int seek_body(void* user, curl_off_t offset, int origin) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;
  transfer.sent = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

int keep_going(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->control.is_canceled() ? 1 : 0;
}

CurlHeaders headers_of(const HttpRequest& request) {
  CurlHeaders headers;
  add_header(headers, "Expect:");  // no pause of a second before the body
  for (const std::string& line : request.headers) add_header(headers, line);
  return headers;
}

void set_up_body(CURL* curl, const HttpRequest& request, Transfer& transfer) {
  const bool has_body =
      request.method != "GET" && request.method != "HEAD" && request.method != "DELETE";
  if (request.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (has_body) {
    const std::uint64_t bytes = request.fd < 0 ? request.body.size() : request.bytes;
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(bytes));
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(curl, CURLOPT_READDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, seek_body);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, &transfer);
  }
  if (request.method != "HEAD")
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, has_body ? 0L : 1L);
  // What was asked for under TLS must not come without it.
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                   request.url.starts_with("https:") ? "https" : "http,https");
}

void set_up(CURL* curl, const RegistryOptions& options, Transfer& transfer) {
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, connect_s);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, stalled_s);
  curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);
  if (!options.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca_file.c_str());
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, keep_going);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
}

std::string host_of(const std::string& url) {
  const std::string origin = origin_of(url);
  return origin.empty() ? url : origin;
}

// What a transfer that did not end well means.
void judge(CURLcode result, Transfer& transfer, const AddressGuard& guard) {
  if (transfer.error) std::rethrow_exception(transfer.error);
  transfer.control.check();
  if (result == CURLE_OK) return;
  const std::string host = host_of(transfer.request.url);
  const std::string why = fmt::format("{}: {}", host, curl_easy_strerror(result));
  if (!guard.refusal().empty()) throw Error(fmt::format("{}: {}", host, guard.refusal()));
  switch (result) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_TOO_MANY_REDIRECTS:
      throw Error(why);
    default:
      break;
  }
  // An answer may come before the whole body was sent, and ends the connection then: it counts.
  curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &transfer.answer.status);
  const bool is_refusal = transfer.answer.status >= 400;
  if (!is_refusal) throw ConnectionFailure(why, result == CURLE_SSL_CONNECT_ERROR);
}

}  // namespace

std::string HttpAnswer::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

HttpClient::HttpClient(const RegistryOptions& options, const Control& control)
    : options_(options), control_(control) {}

HttpAnswer HttpClient::perform(const HttpRequest& request) {
  control_.check();
  renew_curl(curl_, request.url, std::string("dream/") + DREAM_VERSION);
  Transfer transfer{request, control_, curl_.get()};
  AddressGuard guard(options_.addresses);
  guard.watch(curl_.get());
  const CurlHeaders headers = headers_of(request);
  curl_easy_setopt(curl_.get(), CURLOPT_HTTPHEADER, headers.get());
  set_up(curl_.get(), options_, transfer);
  set_up_body(curl_.get(), request, transfer);
  const CURLcode result = curl_easy_perform(curl_.get());
  judge(result, transfer, guard);
  curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &transfer.answer.status);
  curl_off_t retry_after_s = 0;
  curl_easy_getinfo(curl_.get(), CURLINFO_RETRY_AFTER, &retry_after_s);
  transfer.answer.retry_after = std::chrono::seconds(std::max<curl_off_t>(retry_after_s, 0));
  const char* url = nullptr;
  curl_easy_getinfo(curl_.get(), CURLINFO_EFFECTIVE_URL, &url);
  transfer.answer.url = url != nullptr ? url : request.url;
  return std::move(transfer.answer);
}

namespace {

struct UrlFree {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string part_of(CURLU* url, CURLUPart part, unsigned flags) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

}  // namespace

std::string resolve_url(const std::string& base, const std::string& location) {
  const std::unique_ptr<CURLU, UrlFree> url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK ||
      curl_url_set(url.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK)
    return "";
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME, 0);
  return scheme == "http" || scheme == "https" ? part_of(url.get(), CURLUPART_URL, 0) : "";
}

std::string origin_of(const std::string& text) {
  const std::unique_ptr<CURLU, UrlFree> url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return "";
  return fmt::format("{}://{}:{}", part_of(url.get(), CURLUPART_SCHEME, 0),
                     lower(part_of(url.get(), CURLUPART_HOST, 0)),
                     part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

std::string url_escape(const std::string& text) {
  char* const escaped = curl_easy_escape(nullptr, text.c_str(), static_cast<int>(text.size()));
  if (escaped == nullptr) throw std::bad_alloc();
  std::string copy = escaped;
  curl_free(escaped);
  return copy;
}

}  // namespace dream::host::oci

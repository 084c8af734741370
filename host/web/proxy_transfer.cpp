#include "host/web/proxy_transfer.hpp"

#include <exception>
#include <string_view>
#include <type_traits>

#include "host/webhooks/curl.hpp"

namespace dream::host {
namespace {

constexpr std::size_t most_untaken_bytes = 1U << 20;
constexpr long connect_limit_s = 10;
static_assert(std::is_same_v<curl_off_t, std::int64_t>);

}  // namespace

void ProxyTransfer::run() noexcept {
  std::string error;
  try {
    error = perform();
  } catch (const std::exception& failure) {
    error = failure.what();
  }
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  listener_.on_end(std::move(error));
}

void ProxyTransfer::abort() {
  aborted_ = true;
  taken_.notify_all();
}

BodyPiece ProxyTransfer::next() {
  const std::lock_guard lock(mutex_);
  BodyPiece piece{nullptr, is_over_};
  if (!untaken_.empty()) {
    piece.bytes = std::make_shared<const std::string>(std::exchange(untaken_, {}));
    taken_.notify_all();
  }
  return piece;
}

std::string ProxyTransfer::perform() {
  const CurlHandle handle = new_curl(request_.url, "dream/" DREAM_VERSION);
  CURL* const curl = handle.get();
  curl_ = curl;
  CurlHeaders headers;
  for (const auto& line : request_.headers) add_header(headers, line);
  add_header(headers, "Expect:");  // no pause before large bodies
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  if (request_.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  } else if (request_.method != "GET") {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request_.body.data());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, connect_limit_s);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, keep_going);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, this);
  const CURLcode result = curl_easy_perform(curl);
  if (result == CURLE_OK) tell_head();
  curl_ = nullptr;
  return result == CURLE_OK ? "" : curl_easy_strerror(result);
}

// Not at a 1xx, nor at a redirect, which libcurl follows.
void ProxyTransfer::tell_head() {
  long status = 0;
  const char* type = nullptr;
  const char* redirect = nullptr;
  curl_easy_getinfo(static_cast<CURL*>(curl_), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(static_cast<CURL*>(curl_), CURLINFO_CONTENT_TYPE, &type);
  curl_easy_getinfo(static_cast<CURL*>(curl_), CURLINFO_REDIRECT_URL, &redirect);
  if (status < 200 || redirect != nullptr || std::exchange(head_told_, true)) return;
  listener_.on_head({static_cast<int>(status), type == nullptr ? "" : type});
}

std::size_t ProxyTransfer::take_header(char* data, std::size_t size, std::size_t count,
                                       void* self) {
  if (std::string_view(data, size * count) == "\r\n") {
    auto& transfer = *static_cast<ProxyTransfer*>(self);
    long status = 0;
    curl_easy_getinfo(static_cast<CURL*>(transfer.curl_), CURLINFO_RESPONSE_CODE, &status);
    if (status < 300 || status >= 400) transfer.tell_head();
  }
  return size * count;
}

std::size_t ProxyTransfer::take_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<ProxyTransfer*>(self);
  transfer.tell_head();
  {
    std::unique_lock lock(transfer.mutex_);
    transfer.taken_.wait(lock, [&] {
      return transfer.untaken_.size() < most_untaken_bytes || transfer.aborted_;
    });
    transfer.untaken_.append(data, size * count);
  }
  transfer.listener_.on_piece();
  return transfer.aborted_ ? 0 : size * count;
}

int ProxyTransfer::keep_going(void* self, std::int64_t, std::int64_t, std::int64_t, std::int64_t) {
  return static_cast<ProxyTransfer*>(self)->aborted_ ? 1 : 0;
}

}  // namespace dream::host

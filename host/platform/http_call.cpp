#include "host/platform/http_call.hpp"

#include "host/webhooks/curl.hpp"

namespace dream::host {
namespace {

struct Taken {
  HttpReply& reply;
  std::size_t most_bytes;
  bool too_large = false;
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& taken = *static_cast<Taken*>(user);
  if (taken.reply.body.size() + size * count > taken.most_bytes) {
    taken.too_large = true;
    return 0;
  }
  taken.reply.body.append(data, size * count);
  return size * count;
}

int go_on(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto* const canceled = static_cast<const std::atomic<bool>*>(user);
  return canceled != nullptr && *canceled ? 1 : 0;
}

}  // namespace

HttpReply call(const HttpCall& request) {
  HttpReply reply;
  const CurlHandle handle = new_curl(request.url, "dream/" DREAM_VERSION);
  CURL* const curl = handle.get();
  CurlHeaders headers;
  for (const auto& line : request.headers) add_header(headers, line);
  add_header(headers, "Expect:");
  AddressGuard guard(request.addresses);
  guard.watch(curl);
  Taken taken{reply, request.most_bytes};
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  if (request.method != "GET") {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  if (!request.follow_redirects) curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &taken);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, go_on);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, request.canceled);
  const CURLcode result = curl_easy_perform(curl);
  if (result == CURLE_OK) {
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
  } else if (!guard.refusal().empty()) {
    reply.error = guard.refusal();
    reply.refused = true;
  } else {
    reply.error = taken.too_large ? "the answer is too large" : curl_easy_strerror(result);
  }
  return reply;
}

}  // namespace dream::host

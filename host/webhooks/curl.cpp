#include "host/webhooks/curl.hpp"

#include <stdexcept>

namespace dream::host {
namespace {

struct UrlFree {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

}  // namespace

void renew_curl(CurlHandle& handle, const std::string& url, const std::string& user_agent) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (!handle && started == CURLE_OK) handle.reset(curl_easy_init());
  if (!handle) throw std::runtime_error("libcurl cannot start");
  CURL* const curl = handle.get();
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, user_agent.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
}

CurlHandle new_curl(const std::string& url, const std::string& user_agent) {
  CurlHandle handle;
  renew_curl(handle, url, user_agent);
  return handle;
}

void add_header(CurlHeaders& headers, const std::string& line) {
  curl_slist* const longer = curl_slist_append(headers.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  headers.release();
  headers.reset(longer);
}

void add_header_if_sound(CurlHeaders& headers, const std::string& name, const std::string& value) {
  const bool sound = !value.empty() && value.find_first_of("\r\n") == std::string::npos;
  if (sound) add_header(headers, name + ": " + value);
}

std::string url_for_logs(const std::string& url) {
  constexpr std::size_t longest = 200;
  const std::unique_ptr<CURLU, UrlFree> parts(curl_url());
  if (curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    return "(a URL that cannot be read)";
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                               CURLUPART_QUERY, CURLUPART_FRAGMENT})
    curl_url_set(parts.get(), part, nullptr, 0);
  char* text = nullptr;
  if (curl_url_get(parts.get(), CURLUPART_URL, &text, 0) != CURLUE_OK)
    return "(a URL that cannot be read)";
  std::string shown(text);
  curl_free(text);
  if (shown.size() > longest) shown = shown.substr(0, longest) + "…";
  return shown;
}

std::size_t discard_body(char*, std::size_t size, std::size_t count, void*) {
  return size * count;
}

}  // namespace dream::host

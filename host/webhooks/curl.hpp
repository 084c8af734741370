// libcurl handles that free themselves, and what every request of ours has in common.
#pragma once

#include <curl/curl.h>

#include <cstddef>
#include <memory>
#include <string>

namespace dream::host {

struct CurlFree {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlHandle = std::unique_ptr<CURL, CurlFree>;
using CurlHeaders = std::unique_ptr<curl_slist, CurlFree>;

// A new easy handle: http and https only, at most ten redirects, no signals. Initialises libcurl at
// the first call. Throws std::runtime_error if libcurl cannot start.
CurlHandle new_curl(const std::string& url, const std::string& user_agent);

// Makes `handle` as good as new for another request: its connections are kept, its options are not.
// An empty one is made.
void renew_curl(CurlHandle& handle, const std::string& url, const std::string& user_agent);

void add_header(CurlHeaders& headers, const std::string& line);
// "name: value"; nothing for a value that is empty or would begin another line.
void add_header_if_sound(CurlHeaders& headers, const std::string& name, const std::string& value);

// `url` as a log may show it: without user, password, query and fragment, which carry secrets, and
// cut when long.
std::string url_for_logs(const std::string& url);

// For CURLOPT_WRITEFUNCTION: the body of the answer does not matter.
std::size_t discard_body(char* data, std::size_t size, std::size_t count, void* user);

}  // namespace dream::host

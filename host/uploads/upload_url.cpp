#include "host/uploads/upload_url.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

namespace dream::host {
namespace {

struct UrlFree {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

// Of a path segment, RFC 3986 section 3.3: what need not be escaped there.
bool is_plain(char c) {
  const bool alphanumeric =
      (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alphanumeric || std::string_view("-._~!$&'()*+,;=:@").find(c) != std::string_view::npos;
}

}  // namespace

std::string upload_url_problem(const std::string& url) {
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return "is not an http or https URL";
  const std::unique_ptr<CURLU, UrlFree> parsed(curl_url());
  const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0);
  return code == CURLUE_OK ? "" : fmt::format("cannot be read: {}", curl_url_strerror(code));
}

std::string upload_url(const std::string& base, std::string_view name) {
  const std::size_t query = base.find_first_of("?#");
  std::string url = base.substr(0, query);
  if (!url.ends_with('/')) url += '/';
  for (const char c : name)
    url += is_plain(c) ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return query == std::string::npos ? url : url + base.substr(query);
}

std::string without_signature(const std::string& url) {
  return url.substr(0, url.find_first_of("?#"));
}

}  // namespace dream::host

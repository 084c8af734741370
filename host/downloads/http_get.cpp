#include "host/downloads/http_get.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>

#include "host/base/text.hpp"
#include "host/downloads/file_name.hpp"
#include "host/webhooks/curl.hpp"

namespace dream::host {
namespace {

// One transfer under way.
struct Transfer {
  const HttpSource& source;
  HttpGet& get;
  CURL* curl;
  bool ended_by_us = false;
  bool changed = false;
  int disk_error = 0;

  bool ends() const {
    return (get.stop != nullptr && *get.stop) ||
           (source.canceled != nullptr && *source.canceled);
  }
};

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& get = *static_cast<HttpGet*>(user);
  std::string_view line(data, size * count);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // what counts is the last reply, behind the redirects
    get.content_range.clear();
    get.remote = {};
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  const std::string name = lower(line.substr(0, colon));
  const std::size_t begin = line.find_first_not_of(' ', colon + 1);
  const std::string_view value = begin == std::string_view::npos ? "" : line.substr(begin);
  if (name == "etag") get.remote.etag = value;
  if (name == "last-modified") get.remote.last_modified = value;
  if (name == "content-length") get.remote.bytes = number(value);
  if (name == "content-disposition") get.remote.name = file_name_of_disposition(value);
  if (name == "content-range") get.content_range = value;
  return size * count;
}

// With If-Range and a strong ETag the 206 itself says so; else the reply must repeat the validator.
bool is_still(const RemoteFile& reply, const RemoteFile& version) {
  if (version.etag.empty()) return reply.last_modified == version.last_modified;
  return reply.etag == version.etag || (reply.etag.empty() && version.has_strong_validator());
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  HttpGet& get = transfer.get;
  curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &get.status);
  const std::size_t bytes = size * count;
  transfer.changed = get.status == get.wanted && get.version != nullptr &&
                     !is_still(get.remote, *get.version);
  const bool taken = get.fd >= 0 && get.status == get.wanted;
  get.over_limit = taken && bytes > get.limit - get.at;
  if (transfer.changed || !taken || get.over_limit) {
    transfer.ended_by_us = true;
    return 0;
  }
  for (std::size_t written = 0; written < bytes;) {
    const ssize_t part =
        ::pwrite(get.fd, data + written, bytes - written, static_cast<off_t>(get.at));
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) {
      transfer.disk_error = errno;
      return 0;
    }
    written += static_cast<std::size_t>(part);
    get.at += static_cast<std::uint64_t>(part);
    *get.done += static_cast<std::uint64_t>(part);
  }
  return bytes;
}

int keep_going(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (!transfer.ends()) return 0;
  transfer.ended_by_us = true;
  return 1;
}

// Servers compare dates of If-Range exactly, as they must; weak ETags they would ignore.
std::string if_range(const RemoteFile& version) {
  return version.has_strong_validator() ? version.etag : version.last_modified;
}

void set_up(Transfer& transfer, const CurlHeaders& headers, AddressGuard& guard) {
  CURL* const curl = transfer.curl;
  guard.watch(curl);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 30L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer.get);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, keep_going);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
}

// What the end of a transfer means.
void judge(const Transfer& transfer, CURLcode result, const AddressGuard& guard) {
  const std::string& url = transfer.source.url;
  const long status = transfer.get.status;
  if (transfer.source.canceled != nullptr && *transfer.source.canceled)
    fail_download(url, "canceled");
  if (transfer.disk_error == ENOSPC || transfer.disk_error == EDQUOT)
    throw DiskFullError(fmt::format("cannot download {}: the disk is full", url));
  if (transfer.disk_error != 0) fail_download(url, std::strerror(transfer.disk_error));
  if (transfer.changed) throw FileChanged("the file changed");
  if (result != CURLE_OK && !guard.refusal().empty()) fail_download(url, guard.refusal());
  if (status >= 500 || status == 429 || status == 408)
    throw PassingFailure(fmt::format("the server answered {}", status));
  if (status >= 400 && status != 416)
    fail_download(url, fmt::format("the server answered {}{}", status,
                                   status == 404   ? " (there is no such file)"
                                   : status == 401 || status == 403
                                       ? " (the file needs a login or its terms accepted)"
                                       : ""));
  if (result == CURLE_TOO_MANY_REDIRECTS || result == CURLE_UNSUPPORTED_PROTOCOL ||
      result == CURLE_URL_MALFORMAT)
    fail_download(url, curl_easy_strerror(result));
  if (result != CURLE_OK && !transfer.ended_by_us)
    throw PassingFailure(curl_easy_strerror(result));
}

}  // namespace

void perform(const HttpSource& source, HttpGet& get) {
  const CurlHandle handle = new_curl(source.url, source.user_agent);
  CurlHeaders headers;
  if (!get.range.empty()) add_header(headers, "Range: bytes=" + get.range);
  if (get.version != nullptr && !if_range(*get.version).empty())
    add_header(headers, "If-Range: " + if_range(*get.version));
  Transfer transfer{source, get, handle.get()};
  AddressGuard guard(source.addresses);
  set_up(transfer, headers, guard);
  const CURLcode result = curl_easy_perform(handle.get());
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &get.status);
  judge(transfer, result, guard);
}

void retry(const HttpSource& source, const std::atomic<bool>& stop,
           const std::atomic<std::uint64_t>& done, const std::function<void()>& action) {
  const auto ends = [&] { return stop || (source.canceled != nullptr && *source.canceled); };
  for (unsigned failures = 0;;) {
    const std::uint64_t before = done;
    try {
      return action();
    } catch (const PassingFailure& error) {
      failures = done > before ? 1 : failures + 1;
      if (failures >= source.tries)
        throw UnreachableError(fmt::format("cannot download {}: {}, {} times in a row", source.url,
                                           error.what(), failures));
    }
    const auto pause = std::chrono::milliseconds(250U << std::min(failures - 1, 7U));
    constexpr std::chrono::milliseconds moment(50);
    for (auto waited = pause * 0; waited < pause && !ends(); waited += moment)
      std::this_thread::sleep_for(moment);
    if (stop) return;
    if (ends()) fail_download(source.url, "canceled");
  }
}

RemoteFile ask_remote(const HttpSource& source) {
  const std::atomic<bool> stop = false;
  const std::atomic<std::uint64_t> done = 0;
  RemoteFile remote;
  retry(source, stop, done, [&] {
    HttpGet get;
    get.range = "0-0";
    perform(source, get);
    remote = get.status == 200 || get.status == 206 ? get.remote : RemoteFile();
    if (get.status != 206) return;
    // Of a part the length says nothing; "bytes 0-0/1234" does.
    const std::string_view range = get.content_range;
    const std::size_t slash = range.rfind('/');
    remote.bytes = slash == std::string_view::npos ? 0 : number(range.substr(slash + 1));
    remote.ranges = remote.bytes > 0 && remote.has_validator();
  });
  return remote;
}

void fail_download(const std::string& url, const std::string& reason) {
  throw std::runtime_error(fmt::format("cannot download {}: {}", url, reason));
}

}  // namespace dream::host

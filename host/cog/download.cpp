#include "host/cog/download.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "host/base/mime.hpp"
#include "host/cog/version.hpp"
#include "host/downloads/file_name.hpp"
#include "host/webhooks/curl.hpp"

namespace dream::host {
namespace {

struct Transfer {
  std::ofstream file;
  std::uint64_t bytes = 0;
  std::uint64_t most;
  bool too_large = false;
  const std::atomic<bool>& canceled;
};

std::size_t take(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.bytes += size * count;
  transfer.too_large = transfer.bytes > transfer.most;
  if (transfer.too_large) return 0;
  transfer.file.write(data, static_cast<std::streamsize>(size * count));
  return transfer.file ? size * count : 0;
}

int keep_going(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->canceled ? 1 : 0;
}

void set_limits(CURL* curl, const DownloadLimits& limits) {
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(limits.connect.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits.stall.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(limits.total.count()));
}

[[noreturn]] void fail(const std::string& url, const std::string& reason) {
  throw std::runtime_error(fmt::format("cannot download {}: {}", url, reason));
}

}  // namespace

std::string download_user_agent() {
  const char* chosen = std::getenv("COG_USER_AGENT");
  return chosen != nullptr ? chosen : std::string("dream/") + dream_version;
}

std::filesystem::path download(const std::string& url, const std::filesystem::path& folder,
                               const std::atomic<bool>& canceled, const DownloadLimits& limits) {
  std::filesystem::path path = folder / file_name_of_url(url);
  const CurlHandle handle = new_curl(url, download_user_agent());
  CURL* const curl = handle.get();
  AddressGuard guard(limits.addresses);
  guard.watch(curl);
  Transfer transfer{std::ofstream(path, std::ios::binary), 0, limits.bytes, false, canceled};
  set_limits(curl, limits);
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, keep_going);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  const CURLcode result = curl_easy_perform(curl);

  if (canceled) fail(url, "canceled");
  if (transfer.too_large) fail(url, fmt::format("it is larger than {} bytes", limits.bytes));
  if (result != CURLE_OK && !guard.refusal().empty()) fail(url, guard.refusal());
  if (result != CURLE_OK) fail(url, curl_easy_strerror(result));
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 400) fail(url, fmt::format("the server answered {}", status));
  transfer.file.close();
  if (!transfer.file) fail(url, "the disk is full");

  const char* type = nullptr;
  curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
  if (path.has_extension() || type == nullptr) return path;
  std::filesystem::path named = path;
  named += std::string(extension_of(type));
  std::filesystem::rename(path, named);
  return named;
}

}  // namespace dream::host

#include "host/uploads/uploader.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <thread>

#include "host/uploads/upload_url.hpp"
#include "host/webhooks/curl.hpp"

namespace dream::host {
namespace {

constexpr std::size_t upload_threads = 8;
constexpr std::chrono::milliseconds look_interval{20};  // for an end of waiting

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
struct MimeFree {
  void operator()(curl_mime* form) const { curl_mime_free(form); }
};

using Form = std::unique_ptr<curl_mime, MimeFree>;

struct Watch {
  const std::function<bool()> is_over;
};

std::size_t read_file(char* buffer, std::size_t size, std::size_t count, void* file) {
  const std::size_t got = std::fread(buffer, size, count, static_cast<std::FILE*>(file));
  return std::ferror(static_cast<std::FILE*>(file)) != 0 ? CURL_READFUNC_ABORT : got;
}

// For redirects, and for servers that close an idle connection under us.
int seek_file(void* file, curl_off_t offset, int origin) {
  return std::fseek(static_cast<std::FILE*>(file), static_cast<long>(offset), origin) == 0
             ? CURL_SEEKFUNC_OK
             : CURL_SEEKFUNC_FAIL;
}

int keep_going(void* watch, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Watch*>(watch)->is_over() ? 1 : 0;
}

CurlHeaders headers_of(const Upload& upload) {
  CurlHeaders headers;
  add_header(headers, "Expect:");  // no pause of a second before the body
  if (!upload.form_name) add_header_if_sound(headers, "Content-Type", upload.media_type);
  add_header_if_sound(headers, "X-Prediction-ID", upload.prediction_id);
  add_header_if_sound(headers, "traceparent", upload.traceparent);
  add_header_if_sound(headers, "tracestate", upload.tracestate);
  return headers;
}

bool is_transient(long status) {
  static constexpr std::array<long, 6> statuses{408, 429, 500, 502, 503, 504};
  return std::find(statuses.begin(), statuses.end(), status) != statuses.end();
}

void send_body(CURL* curl, std::FILE* file, std::uintmax_t bytes) {
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_file);
  curl_easy_setopt(curl, CURLOPT_READDATA, file);
  curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, seek_file);
  curl_easy_setopt(curl, CURLOPT_SEEKDATA, file);
  curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(bytes));
}

Form send_form(CURL* curl, const Upload& upload) {
  Form form(curl_mime_init(curl));
  curl_mimepart* const part = curl_mime_addpart(form.get());
  curl_mime_name(part, "file");
  curl_mime_filedata(part, upload.file.c_str());
  curl_mime_filename(part, upload.form_name->c_str());
  curl_mime_type(part, upload.media_type.c_str());
  curl_easy_setopt(curl, CURLOPT_MIMEPOST, form.get());
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
  return form;
}

// The Location of the last answer, made absolute; else where that answer came from.
std::string final_url(CURL* curl) {
  const char* effective = nullptr;
  curl_easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &effective);
  if (effective == nullptr) return "";
  curl_header* location = nullptr;
  if (curl_easy_header(curl, "location", 0, CURLH_HEADER, -1, &location) != CURLHE_OK)
    return effective;
  CURLU* const url = curl_url();
  char* absolute = nullptr;
  std::string text = location->value;
  if (curl_url_set(url, CURLUPART_URL, effective, 0) == CURLUE_OK &&
      curl_url_set(url, CURLUPART_URL, location->value, 0) == CURLUE_OK &&
      curl_url_get(url, CURLUPART_URL, &absolute, 0) == CURLUE_OK)
    text = absolute;
  curl_free(absolute);
  curl_url_cleanup(url);
  return text;
}

}  // namespace

Uploader::Uploader(boost::asio::io_context& io, UploadPolicy policy)
    : io_(io), policy_(policy), threads_(upload_threads) {}

Uploader::~Uploader() {
  *alive_ = false;
  stopping_ = true;
  threads_.join();
}

void Uploader::start(Upload upload, std::shared_ptr<const std::atomic<bool>> abandoned,
                     std::function<void(const std::string&, const std::string&)> done) {
  auto keep_running = boost::asio::make_work_guard(io_);
  boost::asio::post(threads_, [this, alive = alive_, upload = std::move(upload),
                               abandoned = std::move(abandoned), done = std::move(done),
                               keep_running = std::move(keep_running)]() mutable {
    Result result = run(upload, *abandoned);
    boost::asio::post(io_, [alive, done = std::move(done), result = std::move(result)] {
      if (*alive) done(result.url, result.error);
    });
  });
}

Uploader::Result Uploader::run(const Upload& upload, const std::atomic<bool>& abandoned) const {
  for (int retry = 0;; ++retry) {
    Result result = attempt(upload, abandoned);
    if (!result.url.empty() || !result.is_transient || retry == policy_.max_retries) return result;
    spdlog::warn("upload of {}: {}; retry {} of {}", upload.file.filename().string(), result.error,
                 retry + 1, policy_.max_retries);
    const auto until = std::chrono::steady_clock::now() + policy_.backoff * (1 << retry);
    while (std::chrono::steady_clock::now() < until) {
      if (abandoned || stopping_) return result;
      std::this_thread::sleep_for(look_interval);
    }
  }
}

Uploader::Result Uploader::attempt(const Upload& upload, const std::atomic<bool>& abandoned) const {
  const File file(std::fopen(upload.file.c_str(), "rb"), std::fclose);
  std::error_code unreadable;
  const auto bytes = std::filesystem::file_size(upload.file, unreadable);
  if (!file || unreadable) return {"", "the file cannot be read", false};
  const CurlHandle handle = new_curl(upload.url, std::string("dream/") + DREAM_VERSION);
  CURL* const curl = handle.get();
  const CurlHeaders headers = headers_of(upload);
  const Form form = upload.form_name ? send_form(curl, upload) : nullptr;
  if (form == nullptr) send_body(curl, file.get(), bytes);
  AddressGuard guard(upload.addresses);
  guard.watch(curl);
  Watch watch{[&] { return abandoned || stopping_; }};
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard_body);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, keep_going);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &watch);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(policy_.connect.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(policy_.stall.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(policy_.total.count()));
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK && !guard.refusal().empty()) return {"", guard.refusal(), false};
  if (code != CURLE_OK) return {"", curl_easy_strerror(code), true};
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200 || status >= 300)
    return {"", fmt::format("the server answered {}", status), is_transient(status)};
  return {without_signature(final_url(curl)), "", false};
}

}  // namespace dream::host

#include "host/downloads/large_download.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "host/base/unique_fd.hpp"
#include "host/downloads/range_plan.hpp"
#include "host/webhooks/curl.hpp"
#include "weights/sha256.hpp"

namespace dream::host {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t several_from_bytes = 16ULL << 20;

// The file on the server is not the one that was begun.
struct Changed : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Trying again may help: a 5xx, a reset, a body that ended early.
struct Passing : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] void fail(const std::string& url, const std::string& reason) {
  throw std::runtime_error(fmt::format("cannot download {}: {}", url, reason));
}

// What a server says of a file, and what becomes of a body.
struct Reply {
  CURL* curl = nullptr;
  long wanted = 200;  // the status whose body is kept
  long status = 0;
  std::string etag;
  std::string content_range;
  bool ended_by_us = false;
  int disk_error = 0;
  int fd = -1;
  std::uint64_t at = 0;
  std::uint64_t limit = UINT64_MAX;
  std::atomic<std::uint64_t>* done = nullptr;
  const std::atomic<bool>* stop = nullptr;
};

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& reply = *static_cast<Reply*>(user);
  std::string line(data, size * count);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.pop_back();
  if (line.starts_with("HTTP/")) reply.etag.clear(), reply.content_range.clear();
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos) return size * count;
  std::string name = line.substr(0, colon);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  const std::size_t value = line.find_first_not_of(' ', colon + 1);
  const std::string text = value == std::string::npos ? "" : line.substr(value);
  if (name == "etag") reply.etag = text;
  if (name == "content-range") reply.content_range = text;
  return size * count;
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& reply = *static_cast<Reply*>(user);
  curl_easy_getinfo(reply.curl, CURLINFO_RESPONSE_CODE, &reply.status);
  const std::size_t bytes = size * count;
  const bool stopped = reply.stop != nullptr && *reply.stop;
  if (stopped || reply.fd < 0 || reply.status != reply.wanted || bytes > reply.limit - reply.at) {
    reply.ended_by_us = true;
    return 0;
  }
  for (std::size_t written = 0; written < bytes;) {
    const ssize_t part = ::pwrite(reply.fd, data + written, bytes - written,
                                  static_cast<off_t>(reply.at));
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) {
      reply.disk_error = errno;
      return 0;
    }
    written += static_cast<std::size_t>(part);
    reply.at += static_cast<std::uint64_t>(part);
    *reply.done += static_cast<std::uint64_t>(part);
  }
  return bytes;
}

// One request. Throws Passing or a final error, except for the end that take_body chose.
void perform(const std::string& url, const std::string& range, const std::string& if_range,
             Reply& reply) {
  const CurlHandle handle = new_curl(url, "dream");
  reply.curl = handle.get();
  CurlHeaders headers;
  if (!range.empty()) add_header(headers, "Range: bytes=" + range);
  if (!if_range.empty()) add_header(headers, "If-Range: " + if_range);
  curl_easy_setopt(reply.curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(reply.curl, CURLOPT_CONNECTTIMEOUT, 30L);
  curl_easy_setopt(reply.curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(reply.curl, CURLOPT_LOW_SPEED_TIME, 60L);
  curl_easy_setopt(reply.curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(reply.curl, CURLOPT_HEADERDATA, &reply);
  curl_easy_setopt(reply.curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(reply.curl, CURLOPT_WRITEDATA, &reply);
  const CURLcode result = curl_easy_perform(reply.curl);
  curl_easy_getinfo(reply.curl, CURLINFO_RESPONSE_CODE, &reply.status);
  if (reply.disk_error == ENOSPC || reply.disk_error == EDQUOT) fail(url, "the disk is full");
  if (reply.disk_error != 0) fail(url, std::strerror(reply.disk_error));
  if (reply.status >= 500 || reply.status == 429 || reply.status == 408)
    throw Passing(fmt::format("the server answered {}", reply.status));
  if (reply.status >= 400 && reply.status != 416)
    fail(url, fmt::format("the server answered {}{}", reply.status,
                          reply.status == 404   ? " (there is no such file)"
                          : reply.status == 401 || reply.status == 403
                              ? " (the file needs a login or its terms accepted)"
                              : ""));
  if (result != CURLE_OK && !reply.ended_by_us) throw Passing(curl_easy_strerror(result));
}

template <class Action>
void retry(const LargeDownload& what, const std::atomic<bool>& stop,
           const std::atomic<std::uint64_t>& done, Action action) {
  for (unsigned failures = 0;;) {
    const std::uint64_t before = done;
    try {
      return action();
    } catch (const Passing& error) {
      failures = done > before ? 1 : failures + 1;
      if (failures >= what.tries)
        fail(what.url, fmt::format("{}, {} times in a row", error.what(), failures));
    }
    const auto pause = std::chrono::milliseconds(250U << std::min(failures - 1, 7U));
    for (auto waited = pause * 0; waited < pause && !stop; waited += std::chrono::milliseconds(50))
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (stop) return;
  }
}

struct Offer {
  std::uint64_t bytes = 0;  // 0: not told
  bool ranges = false;
  std::string etag;
};

// Asks for the first byte: a server with ranges answers 206 and says how many there are.
Offer ask(const LargeDownload& what) {
  Offer offer;
  const std::atomic<bool> stop = false;
  const std::atomic<std::uint64_t> done = 0;
  retry(what, stop, done, [&] {
    Reply reply;
    perform(what.url, "0-0", "", reply);
    const std::size_t slash = reply.content_range.rfind('/');
    offer.etag = reply.etag.starts_with("W/") ? "" : reply.etag;  // weak ones are no proof
    if (reply.status != 206 || slash == std::string::npos) return;
    offer.bytes = std::strtoull(reply.content_range.c_str() + slash + 1, nullptr, 10);
    offer.ranges = offer.bytes > 0 && !offer.etag.empty();
  });
  return offer;
}

class Download {
 public:
  Download(const LargeDownload& what, const DownloadProgress& progress)
      : what_(what), progress_(progress), partial_(what.path.string() + ".partial"),
        state_(partial_ + ".json") {}

  DownloadedFile run() {
    for (int changes = 0;; ++changes) {
      try {
        fetch();
        break;
      } catch (const Changed&) {
        remove_partial();
        if (changes == 3) fail(what_.url, "the file keeps changing on the server");
      }
    }
    return finish();
  }

 private:
  void fetch() {
    const Offer offer = ask(what_);
    if (offer.bytes > 0 && what_.bytes && *what_.bytes != offer.bytes)
      fail(what_.url, fmt::format("the server has {} bytes, the manifest states {}", offer.bytes,
                                  *what_.bytes));
    plan(offer);
    fd_ = UniqueFd(::open(partial_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (fd_.get() < 0) fail(what_.url, fmt::format("{}: {}", partial_, std::strerror(errno)));
    if (!offer.ranges && ::ftruncate(fd_.get(), 0) != 0) fail(what_.url, std::strerror(errno));
    check_space();
    ranged_ = offer.ranges;
    stop_ = false;
    failure_ = nullptr;
    done_ = std::vector<std::atomic<std::uint64_t>>(plan_.ranges.size());
    for (std::size_t i = 0; i < done_.size(); ++i) done_[i] = plan_.ranges[i].done;
    running_ = done_.size();
    std::vector<std::jthread> threads;  // joined on every way out
    try {
      for (std::size_t i = 0; i < done_.size(); ++i) threads.emplace_back([this, i] { work(i); });
      while (running_ > 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        save();
        progress_(total(), plan_.bytes);
      }
    } catch (...) {
      stop_ = true;
      throw;
    }
    threads.clear();
    save();
    if (failure_) std::rethrow_exception(failure_);
  }

  // What the last call left, if it is of the same file; else a new plan and an empty file.
  void plan(const Offer& offer) {
    if (std::ifstream in(state_); in && offer.ranges && fs::exists(partial_)) {
      const auto stored = plan_from_json(nlohmann::json::parse(in, nullptr, false));
      if (stored && stored->url == what_.url && stored->etag == offer.etag &&
          stored->bytes == offer.bytes) {
        plan_ = *stored;
        return;
      }
    }
    remove_partial();
    const unsigned connections = offer.bytes >= several_from_bytes ? what_.connections : 1;
    plan_ = {what_.url, offer.etag, offer.bytes, plan_ranges(offer.bytes, connections)};
  }

  void check_space() const {
    std::error_code error;
    const auto space = fs::space(fs::path(partial_).parent_path(), error);
    std::uint64_t there = 0;
    for (const Range& range : plan_.ranges) there += range.done;
    if (!error && plan_.bytes > there && space.available < plan_.bytes - there)
      fail(what_.url, fmt::format("the disk is full: {} bytes are needed, {} are free",
                                  plan_.bytes - there, space.available));
  }

  void work(std::size_t i) {
    try {
      retry(what_, stop_, done_[i], [&] { ranged_ ? fetch_range(i) : fetch_whole(); });
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      stop_ = true;
    }
    --running_;
  }

  void fetch_range(std::size_t i) {
    // `done` of the range belongs to save(), which runs at the same time.
    const std::uint64_t end = plan_.ranges[i].end;
    const std::uint64_t from = plan_.ranges[i].begin + done_[i];
    if (from == end) return;
    Reply reply = new_reply(i, 206);
    reply.at = from;
    reply.limit = end;
    const std::string wanted = fmt::format("{}-{}", from, end - 1);
    perform(what_.url, wanted, plan_.etag, reply);
    if (stop_) return;
    if (reply.status != 206) throw Changed("the file changed");
    if (reply.content_range != fmt::format("bytes {}/{}", wanted, plan_.bytes))
      fail(what_.url, fmt::format("asked for bytes {}, the server answered '{}'", wanted,
                                  reply.content_range));
    if (reply.at != end) throw Passing("the connection ended early");
  }

  // Without ranges every try begins anew.
  void fetch_whole() {
    done_[0] = 0;
    if (::ftruncate(fd_.get(), 0) != 0) fail(what_.url, std::strerror(errno));
    Reply reply = new_reply(0, 200);
    perform(what_.url, "", "", reply);
    if (reply.status != 200 && !stop_)
      fail(what_.url, fmt::format("the server answered {}", reply.status));
  }

  Reply new_reply(std::size_t i, long wanted) {
    Reply reply;
    reply.wanted = wanted;
    reply.fd = fd_.get();
    reply.done = &done_[i];
    reply.stop = &stop_;
    return reply;
  }

  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const auto& done : done_) sum += done;
    return sum;
  }

  void save() {
    if (!ranged_) return;
    for (std::size_t i = 0; i < done_.size(); ++i) plan_.ranges[i].done = done_[i];
    const std::string next = state_ + ".new";
    if (std::ofstream out(next); out << to_json(plan_).dump() && out.flush())
      fs::rename(next, state_);
  }

  void remove_partial() const {
    std::error_code ignored;
    fs::remove(partial_, ignored);
    fs::remove(state_, ignored);
  }

  DownloadedFile finish() {
    const DownloadedFile file{fs::file_size(partial_), weights::sha256_of_file(partial_)};
    std::string wrong;
    if (what_.bytes && file.bytes != *what_.bytes)
      wrong = fmt::format("it has {} bytes, the manifest states {}", file.bytes, *what_.bytes);
    else if (what_.sha256 && file.sha256 != *what_.sha256)
      wrong = fmt::format("its sha256 is {}, the manifest states {}", file.sha256, *what_.sha256);
    if (!wrong.empty()) {
      remove_partial();
      fail(what_.url, wrong);
    }
    if (::fsync(fd_.get()) != 0) fail(what_.url, std::strerror(errno));
    fs::rename(partial_, what_.path);
    std::error_code ignored;
    fs::remove(state_, ignored);
    return file;
  }

  const LargeDownload& what_;
  const DownloadProgress& progress_;
  const std::string partial_;
  const std::string state_;
  RangePlan plan_;
  UniqueFd fd_;
  bool ranged_ = false;
  std::vector<std::atomic<std::uint64_t>> done_;
  std::atomic<std::size_t> running_ = 0;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace

DownloadedFile download_large(const LargeDownload& what, const DownloadProgress& progress) {
  return Download(what, progress).run();
}

}  // namespace dream::host

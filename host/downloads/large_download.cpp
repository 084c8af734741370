#include "host/downloads/large_download.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "host/base/unique_fd.hpp"
#include "host/downloads/range_plan.hpp"
#include "weights/sha256.hpp"

namespace dream::host {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t several_from_bytes = 16ULL << 20;

class Download {
 public:
  Download(const LargeDownload& what, const DownloadProgress& progress)
      : what_(what), progress_(progress), partial_(what.path.string() + ".partial"),
        state_(partial_ + ".json") {}

  DownloadedFile run() {
    for (int changes = 0;; ++changes) {
      try {
        fetch();
        return finish();
      } catch (const FileChanged&) {
        remove_partial();
        known_.reset();
        if (changes == 3) fail("the file keeps changing on the server");
      }
    }
  }

 private:
  void fetch() {
    remote_ = known_ ? *known_ : ask_remote(what_.source);
    if (remote_.bytes > 0 && what_.bytes && *what_.bytes != remote_.bytes)
      fail(fmt::format("the server has {} bytes, the manifest states {}", remote_.bytes,
                       *what_.bytes));
    if (remote_.bytes > what_.most_bytes) fail_size();
    plan();
    fd_ = UniqueFd(::open(partial_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (fd_.get() < 0) fail(fmt::format("{}: {}", partial_, std::strerror(errno)));
    if (!remote_.ranges && ::ftruncate(fd_.get(), 0) != 0) fail(std::strerror(errno));
    check_space();
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
  void plan() {
    resumed_ = false;
    if (std::ifstream in(state_); in && remote_.ranges && fs::exists(partial_)) {
      const auto stored = plan_from_json(nlohmann::json::parse(in, nullptr, false));
      if (stored && stored->url == what_.source.url && begun(*stored).same_version(remote_)) {
        plan_ = *stored;
        resumed_ = true;
        return;
      }
    }
    remove_partial();
    const bool several = remote_.ranges && remote_.bytes >= several_from_bytes;
    plan_ = {what_.source.url, remote_.etag, remote_.last_modified, remote_.bytes,
             plan_ranges(remote_.bytes, several ? what_.connections : 1)};
  }

  static RemoteFile begun(const RangePlan& plan) {
    return {plan.bytes, true, plan.etag, plan.last_modified, {}};
  }

  void check_space() const {
    std::error_code error;
    const auto space = fs::space(fs::path(partial_).parent_path(), error);
    std::uint64_t there = 0;
    for (const Range& range : plan_.ranges) there += range.done;
    if (!error && plan_.bytes > there && space.available < plan_.bytes - there)
      throw DiskFullError(fmt::format(
          "cannot download {}: the disk is full: {} bytes are needed, {} are free",
          what_.source.url, plan_.bytes - there, space.available));
  }

  void work(std::size_t i) {
    try {
      retry(what_.source, stop_, done_[i],
            [&] { remote_.ranges ? fetch_range(i) : fetch_whole(); });
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
    HttpGet get = new_get(i, 206);
    get.range = fmt::format("{}-{}", from, end - 1);
    get.version = &remote_;
    get.at = from;
    get.limit = end;
    perform(what_.source, get);
    if (stop_) return;
    if (get.status != 206) throw FileChanged("the file changed");
    if (get.content_range != fmt::format("bytes {}/{}", get.range, plan_.bytes))
      fail(fmt::format("asked for bytes {}, the server answered '{}'", get.range,
                       get.content_range));
    if (get.at != end) throw PassingFailure("the connection ended early");
  }

  // Without ranges every try begins anew.
  void fetch_whole() {
    done_[0] = 0;
    if (::ftruncate(fd_.get(), 0) != 0) fail(std::strerror(errno));
    HttpGet get = new_get(0, 200);
    get.limit = what_.most_bytes;
    perform(what_.source, get);
    if (stop_) return;
    if (get.status != 200) fail(fmt::format("the server answered {}", get.status));
    // What comes at the limit is not taken, so a body that was cut ends right below it.
    if (remote_.bytes > 0 && get.at < remote_.bytes && !get.over_limit)
      throw PassingFailure("the connection ended early");
    if (get.over_limit) fail_size();
  }

  HttpGet new_get(std::size_t i, long wanted) {
    HttpGet get;
    get.wanted = wanted;
    get.fd = fd_.get();
    get.done = &done_[i];
    get.stop = &stop_;
    return get;
  }

  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const auto& done : done_) sum += done;
    return sum;
  }

  void save() {
    if (!remote_.ranges) return;
    for (std::size_t i = 0; i < done_.size(); ++i) plan_.ranges[i].done = done_[i];
    const std::string next = state_ + ".new";
    std::error_code ignored;
    if (std::ofstream out(next); out << to_json(plan_).dump() && out.flush())
      fs::rename(next, state_);
    else
      fs::remove(next, ignored);  // on a full disk the last state stays
  }

  void remove_partial() const {
    std::error_code ignored;
    fs::remove(partial_, ignored);
    fs::remove(state_, ignored);
  }

  DownloadedFile finish() {
    const DownloadedFile file{fs::file_size(partial_), weights::sha256_of_file(partial_), remote_};
    std::string wrong;
    if (what_.bytes && file.bytes != *what_.bytes)
      wrong = fmt::format("it has {} bytes, the manifest states {}", file.bytes, *what_.bytes);
    else if (what_.sha256 && file.sha256 != *what_.sha256)
      wrong = fmt::format("its sha256 is {}, the manifest states {}", file.sha256, *what_.sha256);
    if (!wrong.empty() && resumed_ && !remote_.has_strong_validator())
      throw FileChanged("two versions were joined, which a weak validator does not rule out");
    if (!wrong.empty()) {
      remove_partial();
      fail(wrong);
    }
    if (::fsync(fd_.get()) != 0) fail(std::strerror(errno));
    fs::rename(partial_, what_.path);
    std::error_code ignored;
    fs::remove(state_, ignored);
    return file;
  }

  [[noreturn]] void fail(const std::string& reason) const {
    fail_download(what_.source.url, reason);
  }

  [[noreturn]] void fail_size() const {
    remove_partial();
    fail(fmt::format("it is larger than {} bytes", what_.most_bytes));
  }

  const LargeDownload& what_;
  const DownloadProgress& progress_;
  const std::string partial_;
  const std::string state_;
  std::optional<RemoteFile> known_ = what_.remote;
  RemoteFile remote_;
  RangePlan plan_;
  UniqueFd fd_;
  bool resumed_ = false;
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

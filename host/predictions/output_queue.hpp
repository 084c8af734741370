// What a prediction puts out, and how its files reach a place where clients can fetch them: several
// at a time, shown in the order in which they were made.
#pragma once

#include <atomic>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace dream::host {

// One item of the output: a JSON value, or a file that lies in the prediction's folder.
struct OutputItem {
  nlohmann::json value;        // used when path is empty
  std::filesystem::path path;  // absolute
  std::string name;            // file name for users, e.g. "seed-7.png"
  std::string media_type;      // "image/png"
};

// Puts a file elsewhere. `done` runs later, once, on the io_context thread, with the URL of the
// file or, if that is empty, with the reason; after `abandoned` turned true nobody waits for it.
using PublishFile = std::function<void(
    const OutputItem& file, std::shared_ptr<const std::atomic<bool>> abandoned,
    std::function<void(const std::string& url, const std::string& error)> done)>;

class OutputQueue {
 public:
  struct Events {
    std::function<void(OutputItem)> ready;           // the next item, a file by now a URL
    std::function<void(const std::string&)> failed;  // why a file could not be published
    std::function<void()> empty;                     // nothing is on its way any more
  };
  // No event comes before add() has returned, but `ready` for a value that nothing stands before.
  OutputQueue(PublishFile publish, Events events);
  ~OutputQueue();  // abandons what is on its way
  OutputQueue(const OutputQueue&) = delete;
  OutputQueue& operator=(const OutputQueue&) = delete;

  void add(OutputItem item);
  bool is_empty() const { return waiting_.empty(); }

 private:
  struct Waiting {
    OutputItem item;
    bool is_ready = false;
  };
  void published(Waiting& waiting, const std::string& url, const std::string& error);
  void hand_out();

  PublishFile publish_;
  Events events_;
  std::deque<std::shared_ptr<Waiting>> waiting_;
  bool has_failed_ = false;
  std::shared_ptr<std::atomic<bool>> abandoned_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace dream::host

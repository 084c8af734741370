// Webhook deliveries that must arrive although this process may end at any moment: they lie in a
// database until their receiver has taken them. A receiver may get one twice, with the same id.
//
// No call throws for what is wrong with the disk or the file. It is logged once what can no longer
// be promised, and again when all is well; the calls then say "not kept" and the server goes on.
// May be used from several threads.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dream::host {

namespace sqlite {
class Database;
}

// A delivery, but for its body.
struct OutboxEntry {
  std::string id;       // of the delivery, unique
  std::string subject;  // what it is about; deliveries about one thing keep their order
  std::string url;
  std::string traceparent = {};
  std::string tracestate = {};
};

class Outbox {
 public:
  using Time = std::chrono::system_clock::time_point;

  // In the file outbox.sqlite of `folder`, which exists and which no other process uses as such. A
  // damaged file is set aside under another name, that of a later version is left alone.
  explicit Outbox(const std::filesystem::path& folder);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Keeps a delivery; one with the same id is replaced. Without `due` it only becomes one if this
  // process ends before the real one is known. False if it is not kept.
  bool keep(const OutboxEntry& entry, std::string_view body, std::optional<Time> due);
  // Of a delivery that is kept; nothing if it is not, or cannot be read.
  std::optional<std::string> body(const std::string& id);
  // It has arrived, or is given up.
  void remove(const std::string& id);

  struct Waiting {
    OutboxEntry entry;
    Time due;
  };
  // All that earlier processes left, oldest first. Those without a time become due now; `finish`
  // makes their body from the one that was kept. What it throws for cannot be sent: it is removed
  // and logged. Called once, before anything is kept.
  std::vector<Waiting> recover(const std::function<std::string(const std::string&)>& finish);

  std::size_t size();  // kept, due or not; 0 if that cannot be read

 private:
  template <typename Work>
  bool attempt(Work&& work);
  template <typename Work>
  bool change(Work&& work);
  void open();
  void reopen();
  void set_aside(const std::string& problem);
  void failed(const std::string& problem);

  const std::filesystem::path file_;
  std::mutex mutex_;
  std::unique_ptr<sqlite::Database> database_;       // null: cannot be used at present
  std::chrono::steady_clock::time_point opened_at_;  // or tried to be
  bool is_foreign_ = false;                          // of a later version
  std::vector<std::string> to_remove_;               // could not be removed yet
  std::size_t failures_ = 0;                         // since something could last be written
};

}  // namespace dream::host

// How whoever started long work watches it and ends it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace dream::host::oci {

// Takes the next piece of a stream; may throw, which ends it.
using Take = std::function<void(std::span<const std::byte>)>;

struct Progress {
  std::string step;         // "packing weights", "pulling sha256:0a1b2c3d4e5f", "pushing …"
  std::uint64_t done = 0;   // bytes of this step
  std::uint64_t total = 0;  // 0: not known
};

// Given by reference; copied pieces stay valid as long as what they refer to.
struct Control {
  // Called from the working thread, at most once per piece of a stream: a few thousand times a
  // second. Must be quick.
  std::function<void(const Progress&)> progress;
  // A whole sentence without a full stop that the user should know.
  std::function<void(const std::string&)> note;
  const std::atomic<bool>* canceled = nullptr;

  void tell(const std::string& step, std::uint64_t done, std::uint64_t total) const {
    if (progress) progress({step, done, total});
  }
  void say(const std::string& text) const {
    if (note) note(text);
  }
  bool is_canceled() const { return canceled != nullptr && *canceled; }
  // Throws Canceled.
  void check() const;
  // Sleeps, but no longer than until a cancel, which throws Canceled.
  void pause(std::chrono::milliseconds time) const;
};

}  // namespace dream::host::oci

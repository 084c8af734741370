// What the engine keeps in memory between requests: parts of models, control networks, annotators,
// patched layers. One budget for all of it; what was used longest ago leaves first, and what a
// request is using never leaves. Knows nothing of libtorch: a thing is a name, a size and an owner.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "sdk/engine/engine.hpp"

namespace dream::engine {

struct Thing {
  std::string kind;  // "unet", "controlnet", …
  std::string name;  // where it came from
  std::int64_t bytes = 0;
};

// Any thread. Held by shared_ptr, for what it hands out keeps it alive.
class ResidentCache : public std::enable_shared_from_this<ResidentCache> {
 public:
  using Log = std::function<void(const std::string&)>;
  // In use as long as a copy of it lives.
  template <class T>
  using Held = std::shared_ptr<const T>;

  // `budget_bytes` 0: no limit. `log` (may be empty) is told what comes, what leaves, and when the
  // things in use are too much by themselves.
  static std::shared_ptr<ResidentCache> make(std::int64_t budget_bytes, Log log);

  // Things of this kind may take `bytes` in all, besides the budget.
  void limit(const std::string& kind, std::int64_t bytes);

  // Null if it is not there. T must be what was added under `key`.
  template <class T>
  Held<T> find(const std::string& key) {
    return std::static_pointer_cast<const T>(find_value(key));
  }
  // Keeps `value`; room for it should have been made before it was loaded. A key that is taken
  // stays with its thing, which is then the result.
  template <class T>
  Held<T> add(const std::string& key, Thing thing, std::shared_ptr<const T> value) {
    return std::static_pointer_cast<const T>(add_value(key, std::move(thing), std::move(value)));
  }
  // Another key for a thing that is there.
  void add_key(const std::string& key, const std::string& alias);

  // The things of a kind with one of their keys, most recently used first, for who looks for an
  // equal one. Looking is no use.
  template <class T>
  std::vector<std::pair<std::string, Held<T>>> all(const std::string& kind) {
    std::vector<std::pair<std::string, Held<T>>> found;
    for (auto& [key, value] : all_values(kind))
      found.emplace_back(std::move(key), std::static_pointer_cast<const T>(value));
    return found;
  }

  // Lets go of what nobody uses until `bytes` more fit, or nothing is left that could leave.
  void make_room(std::int64_t bytes);

  // Lets go of everything that nobody uses, for work that needs the memory.
  void make_all_room();

  // To be held while something is looked up, loaded and added, so that nothing is loaded twice and
  // two loads do not both take the room that is left.
  std::mutex& loading() { return loading_; }

  // A line for the log.
  void tell(const std::string& line) const;
  std::vector<Resident> residents() const;
  std::int64_t bytes() const;
  std::int64_t budget_bytes() const { return budget_bytes_; }

 private:
  using Value = std::shared_ptr<const void>;
  struct Entry;
  struct Hold;
  using Entries = std::list<std::shared_ptr<Entry>>;

  ResidentCache(std::int64_t budget_bytes, Log log)
      : budget_bytes_(budget_bytes), log_(std::move(log)) {}
  Value find_value(const std::string& key);
  Value add_value(const std::string& key, Thing thing, Value value);
  std::vector<std::pair<std::string, Value>> all_values(const std::string& kind);
  Value hold(const std::shared_ptr<Entry>& entry, bool is_use);
  void release(const std::shared_ptr<Entry>& entry, bool is_use);
  void trim(std::int64_t coming_bytes);
  Entries::iterator next_to_leave(std::int64_t coming_bytes);
  std::int64_t bytes_of(const std::string& kind) const;

  const std::int64_t budget_bytes_;
  const Log log_;
  std::mutex loading_;
  mutable std::mutex mutex_;  // of what follows
  Entries entries_;           // the last used one first
  std::map<std::string, std::shared_ptr<Entry>> keys_;
  std::map<std::string, std::int64_t> limits_;  // by kind
  std::int64_t bytes_ = 0;
};

}  // namespace dream::engine

#include "sdk/engine/pipeline/resident_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>

#include "weights/inspect.hpp"

namespace dream::engine {
namespace {

using Clock = std::chrono::steady_clock;

// Coming bytes for which no budget is enough.
constexpr auto everything = std::numeric_limits<std::int64_t>::max();

// Set while this thread frees a thing that leaves: what that held is not used by it any more.
thread_local bool is_leaving = false;

std::string size_text(std::int64_t bytes) {
  return weights::human_bytes(static_cast<std::uint64_t>(bytes));
}

}  // namespace

struct ResidentCache::Entry {
  Thing thing;
  Value value;
  std::vector<std::string> keys;
  int holds = 0;
  std::uint64_t uses = 0;
  Clock::time_point last_use = Clock::now();
};

// Behind every pointer that find() and add() hand out.
struct ResidentCache::Hold {
  std::shared_ptr<ResidentCache> cache;
  std::shared_ptr<Entry> entry;
  bool is_use;

  Hold(std::shared_ptr<ResidentCache> of, std::shared_ptr<Entry> what, bool uses)
      : cache(std::move(of)), entry(std::move(what)), is_use(uses) {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { cache->release(entry, is_use); }
};

std::shared_ptr<ResidentCache> ResidentCache::make(std::int64_t budget_bytes, Log log) {
  return std::shared_ptr<ResidentCache>(new ResidentCache(budget_bytes, std::move(log)));
}

void ResidentCache::limit(const std::string& kind, std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  limits_[kind] = bytes;
}

// With the mutex held.
ResidentCache::Value ResidentCache::hold(const std::shared_ptr<Entry>& entry, bool is_use) {
  auto held = std::make_shared<Hold>(shared_from_this(), entry, is_use);
  ++entry->holds;
  if (is_use) {
    ++entry->uses;
    entries_.splice(entries_.begin(), entries_, std::ranges::find(entries_, entry));
  }
  return {std::move(held), entry->value.get()};
}

// The end of a use counts as a use: a thing that was drawn with for an hour is not an hour old.
void ResidentCache::release(const std::shared_ptr<Entry>& entry, bool is_use) {
  {
    const std::lock_guard lock(mutex_);
    --entry->holds;
    const auto place = std::ranges::find(entries_, entry);
    if (is_use && !is_leaving && place != entries_.end()) {
      entry->last_use = Clock::now();
      entries_.splice(entries_.begin(), entries_, place);
    }
  }
  trim(0);
}

ResidentCache::Value ResidentCache::find_value(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = keys_.find(key);
  return found == keys_.end() ? nullptr : hold(found->second, true);
}

ResidentCache::Value ResidentCache::add_value(const std::string& key, Thing thing, Value value) {
  Value held;
  {
    const std::lock_guard lock(mutex_);
    if (const auto taken = keys_.find(key); taken != keys_.end()) return hold(taken->second, true);
    auto entry = std::make_shared<Entry>();
    entry->thing = std::move(thing);
    entry->value = std::move(value);
    entry->keys.push_back(key);
    bytes_ += entry->thing.bytes;
    keys_[key] = entry;
    entries_.push_front(entry);
    held = hold(entry, true);
  }
  trim(0);
  std::string over;
  {
    const std::lock_guard lock(mutex_);
    if (budget_bytes_ > 0 && bytes_ > budget_bytes_)
      over = fmt::format("memory: what is in use takes {}, more than the budget of {}",
                         size_text(bytes_), size_text(budget_bytes_));
  }
  if (!over.empty()) tell(over);
  return held;
}

void ResidentCache::add_key(const std::string& key, const std::string& alias) {
  const std::lock_guard lock(mutex_);
  const auto found = keys_.find(key);
  if (found == keys_.end() || !keys_.emplace(alias, found->second).second) return;
  found->second->keys.push_back(alias);
}

std::vector<std::pair<std::string, ResidentCache::Value>> ResidentCache::all_values(
    const std::string& kind) {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, Value>> found;
  for (const auto& entry : entries_) {
    if (entry->thing.kind == kind) found.emplace_back(entry->keys.front(), hold(entry, false));
  }
  return found;
}

std::int64_t ResidentCache::bytes_of(const std::string& kind) const {
  std::int64_t bytes = 0;
  for (const auto& entry : entries_) {
    if (entry->thing.kind == kind) bytes += entry->thing.bytes;
  }
  return bytes;
}

// The one used longest ago that nobody uses, if something has to leave. One thing alone stays
// however large it is: the next request would need it again.
ResidentCache::Entries::iterator ResidentCache::next_to_leave(std::int64_t coming_bytes) {
  const auto oldest = [&](const auto& may_leave) {
    for (auto entry = entries_.end(); entry != entries_.begin();) {
      --entry;
      if ((*entry)->holds == 0 && may_leave(**entry)) return entry;
    }
    return entries_.end();
  };
  for (const auto& [kind, most] : limits_) {
    if (bytes_of(kind) <= most) continue;
    const auto found = oldest([&kind](const Entry& entry) { return entry.thing.kind == kind; });
    if (found != entries_.end()) return found;
  }
  const bool over = coming_bytes == everything ||
                    (budget_bytes_ > 0 && bytes_ + coming_bytes > budget_bytes_);
  const bool alone = coming_bytes == 0 && entries_.size() == 1;
  return over && !alone ? oldest([](const Entry&) { return true; }) : entries_.end();
}

void ResidentCache::trim(std::int64_t coming_bytes) {
  for (;;) {
    std::shared_ptr<Entry> leaving;
    {
      const std::lock_guard lock(mutex_);
      const auto next = next_to_leave(coming_bytes);
      if (next == entries_.end()) return;
      leaving = *next;
      entries_.erase(next);
      bytes_ -= leaving->thing.bytes;
      for (const auto& key : leaving->keys) keys_.erase(key);
    }
    tell(fmt::format("memory: {} of {} leaves ({})", leaving->thing.kind, leaving->thing.name,
                     size_text(leaving->thing.bytes)));
    // Freed without the lock: it may itself hold others, which then may leave too.
    const bool outer = std::exchange(is_leaving, true);
    leaving.reset();
    is_leaving = outer;
  }
}

void ResidentCache::make_room(std::int64_t bytes) {
  trim(bytes);
}

void ResidentCache::make_all_room() {
  trim(everything);
}

std::vector<Resident> ResidentCache::residents() const {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  std::vector<Resident> list;
  for (const auto& entry : entries_) {
    const bool in_use = entry->holds > 0;
    const auto idle = std::chrono::duration<double>(now - entry->last_use).count();
    list.push_back({entry->thing.kind, entry->thing.name, entry->thing.bytes, entry->uses, in_use,
                    in_use ? 0 : idle});
  }
  return list;
}

std::int64_t ResidentCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void ResidentCache::tell(const std::string& line) const {
  if (log_) log_(line);
}

}  // namespace dream::engine

#include "sdk/engine/kernels/cpu_allocator.hpp"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "sdk/engine/kernels/switches.hpp"

namespace dream::engine {
namespace {

constexpr std::size_t small_bytes = 256 << 10;  // below this the C library does well
constexpr std::size_t page = 4 << 10;
constexpr std::size_t most_kept_bytes = std::size_t{1} << 30;
constexpr std::uint64_t kept_requests = 8;

// Stands before the bytes that are handed out, and is as large as their alignment.
struct alignas(64) Header {
  std::size_t bytes;       // of the whole block; 0: a small one
  std::uint64_t given_at;  // requests that had ended when it was last given back
};

// Straight from the system: freed to the C library, a block among others might never leave.
Header* map_block(std::size_t bytes) {
  auto* const block =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) throw std::bad_alloc();
  return new (block) Header{bytes, 0};
}

void unmap(Header* block) { munmap(block, block->bytes); }

class ReusingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &give_back, c10::Device(c10::DeviceType::CPU)};
    auto* const data = take(bytes);
    return {data, data, &give_back, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
  void age();
  std::size_t kept_bytes() {
    const std::lock_guard lock(mutex_);
    return kept_bytes_;
  }

 private:
  void* take(std::size_t bytes);
  Header* kept(std::size_t bytes);
  void keep(Header* block);
  static void give_back(void* data);

  std::mutex mutex_;
  std::multimap<std::size_t, Header*> kept_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t ended_ = 0;  // requests
};

// Never destroyed: tensors in static storage may outlive everything.
ReusingAllocator& allocator() {
  static auto* const only = new ReusingAllocator();
  return *only;
}

void* ReusingAllocator::take(std::size_t bytes) {
  bytes += sizeof(Header);
  if (bytes < small_bytes) {
    auto* const block = static_cast<Header*>(c10::alloc_cpu(bytes));
    block->bytes = 0;
    return block + 1;
  }
  bytes = (bytes + page - 1) / page * page;
  auto* block = kept(bytes);
  if (block == nullptr) block = map_block(bytes);
  return block + 1;
}

// A kept block that is at most a quarter too large, or null.
Header* ReusingAllocator::kept(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.lower_bound(bytes);
  if (found == kept_.end() || found->first > bytes + bytes / 4) return nullptr;
  auto* const block = found->second;
  kept_bytes_ -= found->first;
  kept_.erase(found);
  return block;
}

void ReusingAllocator::keep(Header* block) {
  {
    const std::lock_guard lock(mutex_);
    if (kept_bytes_ + block->bytes <= most_kept_bytes) {
      block->given_at = ended_;
      // Before its equals: the last one given back is taken first, and the others grow old.
      kept_.emplace_hint(kept_.lower_bound(block->bytes), block->bytes, block);
      kept_bytes_ += block->bytes;
      return;
    }
  }
  unmap(block);
}

void ReusingAllocator::age() {
  std::vector<Header*> idle;
  {
    const std::lock_guard lock(mutex_);
    ++ended_;
    for (auto entry = kept_.begin(); entry != kept_.end();) {
      auto* const block = entry->second;
      if (block->given_at + kept_requests >= ended_) {
        ++entry;
        continue;
      }
      idle.push_back(block);
      kept_bytes_ -= block->bytes;
      entry = kept_.erase(entry);
    }
  }
  for (auto* const block : idle) unmap(block);
}

void ReusingAllocator::give_back(void* data) {
  if (data == nullptr) return;
  auto* const block = static_cast<Header*>(data) - 1;
  if (block->bytes == 0) return c10::free_cpu(block);
  allocator().keep(block);
}

}  // namespace

void install_cpu_allocator() {
  if (is_on("allocator")) c10::SetCPUAllocator(&allocator());
}

void age_kept_blocks() { allocator().age(); }

std::size_t kept_cpu_bytes() { return allocator().kept_bytes(); }

}  // namespace dream::engine

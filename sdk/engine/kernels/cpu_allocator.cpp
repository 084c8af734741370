#include "sdk/engine/kernels/cpu_allocator.hpp"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <cstddef>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>

#include "sdk/engine/kernels/switches.hpp"

namespace dream::engine {
namespace {

constexpr std::size_t small_bytes = 256 << 10;  // below this the C library does well
constexpr std::size_t page = 4 << 10;
constexpr std::size_t most_kept_bytes = std::size_t{1} << 30;

// Stands before the bytes that are handed out, and is as large as their alignment.
struct alignas(64) Header {
  std::size_t bytes;  // of the whole block; 0: a small one
};

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

 private:
  void* take(std::size_t bytes);
  Header* kept(std::size_t bytes);
  void keep(Header* block);
  static void give_back(void* data);

  std::mutex mutex_;
  std::multimap<std::size_t, Header*> kept_;
  std::size_t kept_bytes_ = 0;
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
  if (block == nullptr) {
    block = static_cast<Header*>(std::aligned_alloc(page, bytes));
    if (block == nullptr) throw std::bad_alloc();
    block->bytes = bytes;
  }
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
      kept_.emplace(block->bytes, block);
      kept_bytes_ += block->bytes;
      return;
    }
  }
  std::free(block);
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

}  // namespace dream::engine

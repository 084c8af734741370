#include "sdk/engine/tensor/weights.hpp"

#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "sdk/engine/tensor/tensor_file.hpp"

namespace dream::engine {
namespace {

// Knows what it handed out as long as someone else holds it: it keeps no tensor alive, so a tensor
// that a layer packed is freed although its packed form is remembered.
class Memo {
 public:
  at::Tensor find(std::string_view key) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    return found == entries_.end() ? at::Tensor() : at::Tensor(found->second.lock());
  }
  // Returns what is remembered: another thread's tensor where that came first.
  at::Tensor put(const std::string& key, at::Tensor tensor) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found != entries_.end()) {
      if (at::Tensor first(found->second.lock()); first.defined()) return first;
      entries_.erase(found);
    }
    entries_.emplace(key, tensor.getIntrusivePtr());
    return tensor;
  }

 private:
  using Weak = c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
  std::mutex mutex_;
  std::map<std::string, Weak, std::less<>> entries_;
};

}  // namespace

struct Weights::Source {
  weights::WeightMap tensors;
  std::string component;
  Compute compute;
  std::set<std::string, std::less<>> used = {};  // written while the first model is built
  Memo memo = {};
  std::map<std::string, std::string> forms = {};  // key in the memo of a single tensor's other form
};

// Built by one thread; read-only afterwards.
struct Weights::Variant {
  Overlay overlay;
  std::int64_t patched_bytes = 0;
};

namespace {

// Buffers of older writers that follow from the config.
bool is_harmless(std::string_view name) {
  return name.ends_with("embeddings.position_ids");
}

}  // namespace

// Copied, because the bytes may be unaligned and the mapped file may change under us.
at::Tensor read_tensor(const weights::TensorView& view) {
  auto tensor = at::empty(view.shape, at::TensorOptions(to_scalar_type(view.dtype)));
  if (tensor.nbytes() != view.bytes.size()) throw std::runtime_error("wrong number of bytes");
  if (!view.bytes.empty())
    std::memcpy(tensor.mutable_data_ptr(), view.bytes.data(), tensor.nbytes());
  weights::release_pages(view);
  return tensor;
}

Weights::Weights(weights::WeightMap tensors, std::string component, Compute compute)
    : source_(new Source{std::move(tensors), std::move(component), compute}) {}

Weights Weights::scope(std::string_view name) const {
  auto scoped = *this;
  scoped.prefix_ = fmt::format("{}{}.", prefix_, name);
  return scoped;
}

Weights Weights::with_overlay(Overlay overlay) const {
  if (variant_) throw std::logic_error("an overlay upon an overlay");
  auto laid = *this;
  laid.variant_ = std::make_shared<Variant>(Variant{.overlay = std::move(overlay)});
  return laid;
}

Weights Weights::with_adapters(LinearAdapters adapters) const {
  auto adapted = *this;
  adapted.adapters_ = std::make_shared<const LinearAdapters>(std::move(adapters));
  return adapted;
}

std::shared_ptr<const LinearAdapter> Weights::adapter() const {
  if (!adapters_) return nullptr;
  const auto found = adapters_->find(full("weight"));
  return found == adapters_->end() ? nullptr : found->second;
}

bool Weights::has(std::string_view name) const {
  return source_->tensors.contains(full(name));
}

const Patch* Weights::patch_of(std::string_view full_name) const {
  if (!variant_) return nullptr;
  const auto found = variant_->overlay.find(full_name);
  return found == variant_->overlay.end() ? nullptr : &found->second;
}

at::Tensor Weights::tensor(std::string_view name, at::IntArrayRef shape) const {
  const auto full_name = full(name);
  const auto found = source_->tensors.find(full_name);
  if (found == source_->tensors.end()) {
    throw std::runtime_error(fmt::format("{}: tensor \"{}\" is missing (expected shape [{}])",
                                         source_->component, full_name, fmt::join(shape, ", ")));
  }
  const auto& view = found->second;
  if (shape != at::IntArrayRef(view.shape)) {
    throw std::runtime_error(fmt::format("{}: tensor \"{}\" has shape [{}], expected [{}]",
                                         source_->component, full_name, fmt::join(view.shape, ", "),
                                         fmt::join(shape, ", ")));
  }
  const auto dtype = source_->compute.dtype;
  const auto device = source_->compute.device;
  if (const auto* patch = patch_of(full_name)) {
    const auto patched = (*patch)(read_tensor(view).to(device, at::kFloat)).to(dtype).contiguous();
    variant_->patched_bytes += static_cast<std::int64_t>(patched.nbytes());
    return patched;
  }
  if (!variant_) source_->used.insert(full_name);
  if (auto shared = source_->memo.find(full_name); shared.defined()) return shared;
  return source_->memo.put(full_name, read_tensor(view).to(device, dtype));
}

at::Tensor Weights::derived(std::string_view key, std::initializer_list<std::string_view> names,
                            const std::function<at::Tensor()>& make) const {
  const bool touched = std::any_of(names.begin(), names.end(), [&](std::string_view name) {
    return patch_of(full(name)) != nullptr;
  });
  if (touched) {
    // What `make` reads on the way does not stay.
    const auto before = variant_->patched_bytes;
    auto made = make();
    variant_->patched_bytes =
        before + made.numel() * static_cast<std::int64_t>(made.dtype().itemsize());
    return made;
  }
  // No tensor's name has a blank.
  const auto full_key = fmt::format("{} derived", full(key));
  if (!variant_ && names.size() == 1) source_->forms[full(*names.begin())] = full_key;
  if (auto shared = source_->memo.find(full_key); shared.defined()) return shared;
  return source_->memo.put(full_key, make());
}

std::map<std::string, at::Tensor> Weights::held() const {
  std::map<std::string, at::Tensor> held;
  for (const auto& [name, view] : source_->tensors) {
    const auto form = source_->forms.find(name);
    auto tensor = source_->memo.find(form == source_->forms.end() ? name : form->second);
    if (tensor.defined() && !tensor.is_mkldnn()) held.emplace(name, std::move(tensor));
  }
  return held;
}

void Weights::report_unused(const Warn& warn) const {
  std::vector<std::string_view> unused;
  for (const auto& [name, view] : source_->tensors) {
    if (!source_->used.contains(name) && !is_harmless(name)) unused.push_back(name);
  }
  if (unused.empty() || !warn) return;
  constexpr std::size_t shown = 8;
  const auto more = unused.size() > shown ? fmt::format(" and {} more", unused.size() - shown) : "";
  unused.resize(std::min(unused.size(), shown));
  warn(fmt::format("{}: tensors that the model has no place for: {}{}", source_->component,
                   fmt::join(unused, ", "), more));
}

const weights::WeightMap& Weights::tensors() const {
  return source_->tensors;
}

std::map<std::string, std::vector<std::int64_t>, std::less<>> Weights::shapes() const {
  std::map<std::string, std::vector<std::int64_t>, std::less<>> shapes;
  for (const auto& [name, view] : source_->tensors) shapes.emplace(name, view.shape);
  return shapes;
}

std::int64_t Weights::bytes() const {
  std::int64_t elements = 0;
  for (const auto& [name, view] : source_->tensors) elements += c10::multiply_integers(view.shape);
  return elements * static_cast<std::int64_t>(c10::elementSize(source_->compute.dtype));
}

std::int64_t Weights::patched_bytes() const {
  return variant_ ? variant_->patched_bytes : 0;
}

const Compute& Weights::compute() const {
  return source_->compute;
}

}  // namespace dream::engine

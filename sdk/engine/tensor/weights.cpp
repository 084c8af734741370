#include "sdk/engine/tensor/weights.hpp"

#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

namespace dream::engine {

struct Weights::Source {
  weights::WeightMap tensors;
  std::string component;
  Compute compute;
  std::set<std::string, std::less<>> used;
};

namespace {

at::ScalarType to_scalar_type(weights::DType dtype) {
  switch (dtype) {
    case weights::DType::f64:
      return at::kDouble;
    case weights::DType::f32:
      return at::kFloat;
    case weights::DType::f16:
      return at::kHalf;
    case weights::DType::bf16:
      return at::kBFloat16;
    case weights::DType::i64:
      return at::kLong;
    case weights::DType::i32:
      return at::kInt;
    case weights::DType::i16:
      return at::kShort;
    case weights::DType::i8:
      return at::kChar;
    case weights::DType::u8:
      return at::kByte;
    case weights::DType::boolean:
      return at::kBool;
  }
  throw std::runtime_error("unknown tensor type");
}

// Copied, because the bytes may be unaligned and the mapped file may change under us.
at::Tensor copy_of(const weights::TensorView& view) {
  auto tensor = at::empty(view.shape, at::TensorOptions(to_scalar_type(view.dtype)));
  if (tensor.nbytes() != view.bytes.size()) throw std::runtime_error("wrong number of bytes");
  if (!view.bytes.empty())
    std::memcpy(tensor.mutable_data_ptr(), view.bytes.data(), tensor.nbytes());
  return tensor;
}

// Buffers of older writers that follow from the config.
bool is_harmless(std::string_view name) {
  return name.ends_with("embeddings.position_ids");
}

}  // namespace

Weights::Weights(weights::WeightMap tensors, std::string component, Compute compute)
    : source_(
          std::make_shared<Source>(Source{std::move(tensors), std::move(component), compute, {}})) {
}

Weights::Weights(std::shared_ptr<Source> source, std::string prefix)
    : source_(std::move(source)), prefix_(std::move(prefix)) {}

Weights Weights::scope(std::string_view name) const {
  return {source_, fmt::format("{}{}.", prefix_, name)};
}

bool Weights::has(std::string_view name) const {
  return source_->tensors.contains(fmt::format("{}{}", prefix_, name));
}

at::Tensor Weights::tensor(std::string_view name, at::IntArrayRef shape) const {
  const auto full_name = fmt::format("{}{}", prefix_, name);
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
  source_->used.insert(full_name);
  return copy_of(view).to(source_->compute.device, source_->compute.dtype);
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

const Compute& Weights::compute() const {
  return source_->compute;
}

}  // namespace dream::engine

// One layer's tensors in a LoRA file and the change they make to the model's weight. Each layout is
// one function of its own file; a layer may carry several, and DoRA on top of any.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/tensor_view.hpp"

namespace dream::engine {

class LoraLayer {
 public:
  // `title` is what messages call the file.
  explicit LoraLayer(std::string title) : title_(std::move(title)) {}

  // A tensor of the layer under the name of its part (lora_key.hpp) and its own key.
  void add(const std::string& part, std::string key, weights::TensorView view);
  // Alpha that the file states elsewhere than in a tensor; `rank_root`: divide by the rank's square
  // root (rsLoRA, arXiv 2312.03732).
  void state_alpha(std::optional<double> alpha, bool rank_root);

  bool has(std::string_view part) const { return parts_.contains(part); }
  // In fp32. Throws InvalidInput where the part is missing or holds NaN or infinity.
  at::Tensor tensor(std::string_view part, at::Device device) const;
  // alpha / rank; 1 where the file states no alpha.
  double scale(std::int64_t rank) const;
  const std::string& key(std::string_view part) const { return parts_.find(part)->second.key; }
  // Keys of all parts; keys(): in one line, for messages.
  std::vector<std::string> key_list() const;
  std::string keys() const;
  // True when the parts make a change to a weight or a bias. Throws InvalidInput for half a layout,
  // e.g. an up matrix without its down matrix.
  bool changes_weight() const;
  bool changes_bias() const { return has("diff_b") || has("up_bias"); }

  // What is added to `weight` (fp32), called `name`, at the user's `strength`. Throws InvalidInput
  // that names file, keys and both shapes where they do not fit.
  at::Tensor weight_change(const at::Tensor& weight, std::string_view name, double strength) const;
  at::Tensor bias_change(const at::Tensor& bias, std::string_view name, double strength) const;

  [[noreturn]] void fail(const std::string& what) const;

 private:
  struct Part {
    std::string key;
    weights::TensorView view;
  };
  at::Tensor as_shape_of(const at::Tensor& change, const at::Tensor& target,
                         std::string_view name) const;

  std::string title_;
  std::map<std::string, Part, std::less<>> parts_;
  std::optional<double> alpha_;
  bool rank_root_ = false;
};

// Each layout's change at full strength, alpha included, as a matrix [out, …] or in the weight's
// own shape; only for layers that have its parts.
at::Tensor low_rank_change(const LoraLayer& layer, at::Device device);   // LoRA, LoCon
at::Tensor hadamard_change(const LoraLayer& layer, at::Device device);   // LoHa
at::Tensor kronecker_change(const LoraLayer& layer, at::Device device);  // LoKr

// DoRA (arXiv 2402.09353): `weight + change` with each output's (or input's) norm replaced by the
// magnitude that the file states. Returns the difference to `weight`.
at::Tensor with_magnitude(const LoraLayer& layer, const at::Tensor& weight,
                          const at::Tensor& change, double strength);

}  // namespace dream::engine

// The few layers every model is made of: weights and one plain ATen forward each, which training
// uses; inference in fp32 on the CPU takes the packed forms of kernels/. Convolution weights lie
// channels_last, and so then do all feature maps.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/engine/tensor/weights.hpp"

namespace dream::engine {

// Whether layers lay their weights out for kernels/packed.hpp, which leaves no plain weight behind.
bool can_pack(const Compute& compute);

// y = x W^T + b over the last dimension; W is [out, in].
struct Linear {
  Linear(const Weights& weights, std::int64_t in, std::int64_t out, bool has_bias = true);
  // From a 1x1 convolution, which is a linear layer over channels.
  static Linear pointwise(const Weights& weights, std::int64_t in, std::int64_t out);
  // From rows of other layers' weights, made by `matrix` as Weights::derived() says.
  static Linear of_rows(const Weights& weights, std::string_view key,
                        std::initializer_list<std::string_view> names,
                        const std::function<at::Tensor()>& matrix, at::Tensor offset = {});
  at::Tensor operator()(const at::Tensor& x) const;
  // y + residual, which has y's shape.
  at::Tensor plus(const at::Tensor& x, const at::Tensor& residual) const;

  at::Tensor weight, bias;  // bias undefined when there is none
  std::shared_ptr<const LinearAdapter> adapter;  // null without one

 private:
  Linear(at::Tensor matrix, at::Tensor offset,
         std::shared_ptr<const LinearAdapter> beside = nullptr);
  at::Tensor plain(const at::Tensor& x) const;
};

enum class Activation { silu, gelu, mish, relu, quick_gelu };

// NCHW, square kernel.
struct Conv2d {
  struct Shape {
    std::int64_t in, out, kernel = 3, stride = 1, padding = 1;
  };
  Conv2d(const Weights& weights, const Shape& shape);
  at::Tensor operator()(const at::Tensor& x) const;
  // y + residual, which has y's shape.
  at::Tensor plus(const at::Tensor& x, const at::Tensor& residual) const;
  // On a device where the bias is a pass over the map of its own: y without it, for who adds it
  // with something else. Elsewhere nullopt.
  std::optional<at::Tensor> without_bias(const at::Tensor& x) const;
  std::int64_t out_channels() const { return bias.size(0); }

  at::Tensor weight, bias;
  std::vector<at::Tensor> products;  // of kernels/winograd.hpp, in the weight's place
  std::int64_t stride, padding;
};

struct GroupNorm {
  GroupNorm(const Weights& weights, std::int64_t channels, std::int64_t groups, double eps);
  at::Tensor operator()(const at::Tensor& x) const;
  // act(norm(x + shift)); `shift` is [1 or batch, channels], undefined for none.
  at::Tensor operator()(const at::Tensor& x, Activation act, const at::Tensor& shift = {}) const;

  at::Tensor weight, bias;
  std::int64_t groups;
  double eps;
};

struct LayerNorm {
  LayerNorm(const Weights& weights, std::int64_t channels, double eps);
  at::Tensor operator()(const at::Tensor& x) const;

  at::Tensor weight, bias;
  double eps;
};

// Names as diffusers and transformers spell them ("swish" is silu). Throws through config.fail().
Activation activation(Config& config, const std::string& key, const std::string& fallback);
at::Tensor apply(Activation activation, const at::Tensor& x);

// softmax(q k^T / sqrt(d)) v for q, k, v of [batch, tokens, heads * d]; the result has q's shape.
at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  std::int64_t heads, bool causal = false);

}  // namespace dream::engine

#include "sdk/engine/tensor/layers.hpp"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mish.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "sdk/engine/kernels/fused.hpp"
#include "sdk/engine/kernels/group_norm.hpp"
#include "sdk/engine/kernels/packed.hpp"
#include "sdk/engine/kernels/switches.hpp"
#include "sdk/engine/kernels/winograd.hpp"

namespace dream::engine {
namespace {

bool can_use_winograd(const Compute& compute, const Conv2d::Shape& shape) {
  return can_pack(compute) && shape.kernel == 3 && shape.stride == 1 && shape.padding == 1 &&
         fits_winograd(shape.in, shape.out) && is_on("winograd");
}

// The matrices are made together when the first of them is asked for, and each is shared.
std::vector<at::Tensor> packed_products(const Weights& weights,
                                        const std::function<at::Tensor()>& plain) {
  at::Tensor matrices;
  std::vector<at::Tensor> products;
  for (std::int64_t i = 0; i < winograd_products; ++i) {
    products.push_back(weights.derived(fmt::format("winograd {}", i), {"weight"}, [&] {
      if (!matrices.defined()) matrices = winograd_filters(plain());
      return pack_linear(matrices[i]);
    }));
  }
  return products;
}

// A 1x1 convolution, as a linear layer over channels; channels_last makes the permutations views.
at::Tensor over_pixels(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias,
                       const at::Tensor& residual) {
  const auto rows = [](const at::Tensor& map) {
    return map.permute({0, 2, 3, 1}).reshape({-1, map.size(1)});
  };
  const auto y = residual.defined() ? packed_linear_add(rows(x), packed, bias, rows(residual))
                                    : packed_linear(rows(x), packed, bias);
  return y.view({x.size(0), x.size(2), x.size(3), -1}).permute({0, 3, 1, 2});
}

}  // namespace

bool can_pack(const Compute& compute) {
  return compute.pack && compute.device.is_cpu() && compute.dtype == at::kFloat &&
         has_packed_operators() && is_on("packing");
}

Linear::Linear(const Weights& weights, std::int64_t in, std::int64_t out, bool has_bias) {
  const auto plain = [&] { return weights.tensor("weight", {out, in}); };
  const auto packed = [&] { return pack_linear(plain()); };
  weight = can_pack(weights.compute()) ? weights.derived("packed", {"weight"}, packed) : plain();
  if (has_bias) bias = weights.tensor("bias", {out});
  adapter = weights.adapter();
}

Linear::Linear(at::Tensor matrix, at::Tensor offset, std::shared_ptr<const LinearAdapter> beside)
    : weight(std::move(matrix)), bias(std::move(offset)), adapter(std::move(beside)) {}

Linear Linear::pointwise(const Weights& weights, std::int64_t in, std::int64_t out) {
  const auto matrix = [&] { return weights.tensor("weight", {out, in, 1, 1}).view({out, in}); };
  const auto packed = [&] { return pack_linear(matrix()); };
  return {can_pack(weights.compute()) ? weights.derived("packed matrix", {"weight"}, packed)
                                      : weights.derived("matrix", {"weight"}, matrix),
          weights.tensor("bias", {out}), weights.adapter()};
}

Linear Linear::of_rows(const Weights& weights, std::string_view key,
                       std::initializer_list<std::string_view> names,
                       const std::function<at::Tensor()>& matrix, at::Tensor offset) {
  const auto make = [&] { return can_pack(weights.compute()) ? pack_linear(matrix()) : matrix(); };
  return {weights.derived(key, names, make), std::move(offset)};
}

at::Tensor Linear::plain(const at::Tensor& x) const {
  return weight.is_mkldnn() ? packed_linear(x, weight, bias) : at::linear(x, weight, bias);
}

at::Tensor Linear::operator()(const at::Tensor& x) const {
  return adapter ? (*adapter)(x, plain(x), weight, bias) : plain(x);
}

at::Tensor Linear::plus(const at::Tensor& x, const at::Tensor& residual) const {
  if (!weight.is_mkldnn() || !is_on("residual")) return (*this)(x) + residual;
  return packed_linear_add(x, weight, bias, residual);
}

Conv2d::Conv2d(const Weights& weights, const Shape& shape)
    : bias(weights.tensor("bias", {shape.out})), stride(shape.stride), padding(shape.padding) {
  const auto plain = [&] {
    return weights.tensor("weight", {shape.out, shape.in, shape.kernel, shape.kernel})
        .contiguous(at::MemoryFormat::ChannelsLast);
  };
  const auto packed = [&] { return pack_convolution(plain(), stride, padding); };
  const auto packed_matrix = [&] { return pack_linear(plain().view({shape.out, shape.in})); };
  const bool pointwise = shape.kernel == 1 && stride == 1 && padding == 0;
  if (!can_pack(weights.compute())) {
    weight = weights.derived("channels_last", {"weight"}, plain);
  } else if (can_use_winograd(weights.compute(), shape)) {
    products = packed_products(weights, plain);
  } else {
    weight = pointwise ? weights.derived("packed matrix", {"weight"}, packed_matrix)
                       : weights.derived("packed", {"weight"}, packed);
  }
}

at::Tensor Conv2d::operator()(const at::Tensor& x) const {
  if (!products.empty()) return winograd_convolution(x, products, bias, {});
  if (!weight.is_mkldnn()) return at::conv2d(x, weight, bias, stride, padding);
  return weight.dim() == 2 ? over_pixels(x, weight, bias, {})
                           : packed_convolution(x, weight, bias, stride, padding);
}

at::Tensor Conv2d::plus(const at::Tensor& x, const at::Tensor& residual) const {
  if (auto y = without_bias(x);
      y && y->is_contiguous(at::MemoryFormat::ChannelsLast) && is_on("residual")) {
    add_bias_residual_(*y, bias, residual.contiguous(at::MemoryFormat::ChannelsLast));
    return *y;
  }
  const bool packed = !products.empty() || weight.is_mkldnn();
  if (!packed || !is_on("residual")) return residual + (*this)(x);
  if (!products.empty()) return winograd_convolution(x, products, bias, residual);
  return weight.dim() == 2 ? over_pixels(x, weight, bias, residual)
                           : packed_convolution_add(x, weight, bias, residual, stride, padding);
}

std::optional<at::Tensor> Conv2d::without_bias(const at::Tensor& x) const {
  if (!has_cuda_kernels(x)) return std::nullopt;
  return at::conv2d(x, weight, {}, stride, padding);
}

GroupNorm::GroupNorm(const Weights& weights, std::int64_t channels, std::int64_t group_count,
                     double epsilon)
    : weight(weights.tensor("weight", {channels})),
      bias(weights.tensor("bias", {channels})),
      groups(group_count),
      eps(epsilon) {
  if (groups < 1 || channels % groups != 0) {
    throw std::runtime_error(
        fmt::format("norm_num_groups {} does not divide {} channels", groups, channels));
  }
}

at::Tensor GroupNorm::operator()(const at::Tensor& x) const {
  if (!has_group_norm_kernel(x)) return at::group_norm(x, groups, weight, bias, eps);
  return scale_channels(x, group_norm_affine(x, {weight, bias, groups, eps}), /*silu=*/false);
}

at::Tensor GroupNorm::operator()(const at::Tensor& x, Activation act,
                                 const at::Tensor& shift) const {
  if (has_group_norm_kernel(x)) {
    const auto affine = group_norm_affine(x, {weight, bias, groups, eps}, shift);
    if (act == Activation::silu) return scale_channels(x, affine, /*silu=*/true);
    return apply(act, scale_channels(x, affine, false));
  }
  return apply(act, (*this)(shift.defined() ? x + shift.unsqueeze(-1).unsqueeze(-1) : x));
}

LayerNorm::LayerNorm(const Weights& weights, std::int64_t channels, double epsilon)
    : weight(weights.tensor("weight", {channels})),
      bias(weights.tensor("bias", {channels})),
      eps(epsilon) {}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, eps);
}

Activation activation(Config& config, const std::string& key, const std::string& fallback) {
  const auto name = config.text(key, fallback);
  if (name == "silu" || name == "swish") return Activation::silu;
  if (name == "gelu") return Activation::gelu;
  if (name == "mish") return Activation::mish;
  if (name == "relu") return Activation::relu;
  if (name == "quick_gelu") return Activation::quick_gelu;
  config.fail(key,
              fmt::format("is \"{}\"; supported: silu, swish, gelu, quick_gelu, mish, relu", name));
}

at::Tensor apply(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::silu:
      return at::silu(x);
    case Activation::gelu:
      return at::gelu(x);
    case Activation::mish:
      return at::mish(x);
    case Activation::relu:
      return at::relu(x);
    case Activation::quick_gelu:
      return x * at::sigmoid(1.702 * x);
  }
  throw std::logic_error("unknown activation");
}

at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  std::int64_t heads, bool causal) {
  const auto split = [heads](const at::Tensor& x) {
    return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
  };
  return at::scaled_dot_product_attention(split(query), split(key), split(value),
                                          /*attn_mask=*/{}, /*dropout_p=*/0.0, causal)
      .transpose(1, 2)
      .reshape(query.sizes());
}

}  // namespace dream::engine

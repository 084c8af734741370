#include "sdk/engine/kernels/packed.hpp"

#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <array>
#include <optional>
#include <string_view>

namespace dream::engine {
namespace {

using Text = std::optional<std::string_view>;
using Scalars = c10::List<std::optional<at::Scalar>>;
using PackLinear = at::Tensor(const at::Tensor&, std::optional<std::int64_t>);
using PackConvolution = at::Tensor(const at::Tensor&, at::IntArrayRef, at::IntArrayRef,
                                   at::IntArrayRef, std::int64_t, at::OptionalIntArrayRef);
using LinearUnary = at::Tensor(const at::Tensor&, const at::Tensor&,
                               const std::optional<at::Tensor>&, std::string_view, Scalars, Text);
using LinearBinary = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                const std::optional<at::Tensor>&, std::string_view);
using Convolution = at::Tensor(const at::Tensor&, const at::Tensor&,
                               const std::optional<at::Tensor>&, at::IntArrayRef, at::IntArrayRef,
                               at::IntArrayRef, std::int64_t, std::string_view, Scalars, Text);
using ConvolutionBinary = at::Tensor(
    const at::Tensor&, const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
    at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, std::int64_t, std::string_view,
    std::optional<at::Scalar>, Text, Scalars, Text);

template <class Signature>
c10::TypedOperatorHandle<Signature> operator_named(const char* name, const char* overload = "") {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, overload).typed<Signature>();
}

// All of them with the arguments expected here? Throws c10::Error if not.
void look_up() {
  operator_named<PackLinear>("mkldnn::_reorder_linear_weight");
  operator_named<PackConvolution>("mkldnn::_reorder_convolution_weight");
  operator_named<LinearUnary>("mkldnn::_linear_pointwise");
  operator_named<LinearBinary>("mkldnn::_linear_pointwise", "binary");
  operator_named<Convolution>("mkldnn::_convolution_pointwise");
  operator_named<ConvolutionBinary>("mkldnn::_convolution_pointwise", "binary");
}

std::optional<at::Tensor> optional(const at::Tensor& bias) {
  return bias.defined() ? std::optional(bias) : std::nullopt;
}

at::Tensor linear_unary(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias,
                        std::string_view after, Text algorithm) {
  static const auto call = operator_named<LinearUnary>("mkldnn::_linear_pointwise");
  return call.call(x, packed, optional(bias), after, Scalars(), algorithm);
}

at::Tensor linear_binary(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias,
                         const at::Tensor& other, std::string_view after) {
  static const auto call = operator_named<LinearBinary>("mkldnn::_linear_pointwise", "binary");
  return call.call(x, other, packed, optional(bias), after);
}

}  // namespace

bool has_packed_operators() {
  static const bool there = [] {
    try {
      look_up();
      return true;
    } catch (const c10::Error&) {
      return false;
    }
  }();
  return there;
}

at::Tensor pack_linear(const at::Tensor& weight) {
  static const auto call = operator_named<PackLinear>("mkldnn::_reorder_linear_weight");
  return call.call(weight.contiguous(), std::nullopt);
}

at::Tensor pack_convolution(const at::Tensor& weight, std::int64_t stride, std::int64_t padding) {
  static const auto call = operator_named<PackConvolution>("mkldnn::_reorder_convolution_weight");
  const std::array paddings{padding, padding}, strides{stride, stride};
  const std::array<std::int64_t, 2> dilations{1, 1};
  return call.call(weight, paddings, strides, dilations, 1, std::nullopt);
}

at::Tensor packed_linear(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias) {
  return linear_unary(x, packed, bias, "none", std::nullopt);
}

at::Tensor packed_linear_gelu(const at::Tensor& x, const at::Tensor& packed,
                              const at::Tensor& bias) {
  return linear_unary(x, packed, bias, "gelu", "none");  // no approximation
}

at::Tensor packed_linear_add(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias,
                             const at::Tensor& other) {
  return linear_binary(x, packed, bias, other, "add");
}

at::Tensor packed_linear_mul(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias,
                             const at::Tensor& other) {
  return linear_binary(x, packed, bias, other, "mul");
}

at::Tensor packed_convolution(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias,
                              std::int64_t stride, std::int64_t padding) {
  static const auto call = operator_named<Convolution>("mkldnn::_convolution_pointwise");
  const std::array paddings{padding, padding}, strides{stride, stride};
  const std::array<std::int64_t, 2> dilations{1, 1};
  return call.call(x, packed, optional(bias), paddings, strides, dilations, 1, "none", Scalars(),
                   std::nullopt);
}

at::Tensor packed_convolution_add(const at::Tensor& x, const at::Tensor& packed,
                                  const at::Tensor& bias, const at::Tensor& other,
                                  std::int64_t stride, std::int64_t padding) {
  static const auto call =
      operator_named<ConvolutionBinary>("mkldnn::_convolution_pointwise", "binary");
  const std::array paddings{padding, padding}, strides{stride, stride};
  const std::array<std::int64_t, 2> dilations{1, 1};
  return call.call(x, other, packed, optional(bias), paddings, strides, dilations, 1, "add",
                   std::nullopt, std::nullopt, Scalars(), std::nullopt);
}

}  // namespace dream::engine

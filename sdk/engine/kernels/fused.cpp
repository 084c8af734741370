#include "sdk/engine/kernels/fused.hpp"

#include <ATen/core/grad_mode.h>

#include <stdexcept>

#ifdef DREAM_CUDA
#include "sdk/engine/kernels/cuda/operators.hpp"
#endif

namespace dream::engine {

#ifdef DREAM_CUDA

bool has_cuda_kernels(const at::Tensor& x) {
  const auto type = x.scalar_type();
  return x.is_cuda() && x.numel() > 0 && !at::GradMode::is_enabled() &&
         (type == at::kHalf || type == at::kBFloat16 || type == at::kFloat);
}

at::Tensor geglu(const at::Tensor& both, const at::Tensor& bias) {
  return cuda::geglu(both, bias);
}

void add_bias_residual_(at::Tensor& y, const at::Tensor& bias, const at::Tensor& residual) {
  cuda::add_bias_residual_(y, bias, residual);
}

#else

bool has_cuda_kernels(const at::Tensor&) {
  return false;
}

at::Tensor geglu(const at::Tensor&, const at::Tensor&) {
  throw std::logic_error("geglu: this build has no CUDA kernels");
}

void add_bias_residual_(at::Tensor&, const at::Tensor&, const at::Tensor&) {
  throw std::logic_error("add_bias_residual_: this build has no CUDA kernels");
}

#endif

}  // namespace dream::engine

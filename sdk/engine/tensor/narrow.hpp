// From the fp32 that arithmetic on prompts uses to the dtype that the model computes in.
#pragma once

#include <ATen/core/Tensor.h>

namespace dream::engine {

// `values` rounded to `dtype`; what lies beyond its range becomes its largest finite number of that
// sign instead of an infinity, which one multiplication by zero would make a NaN.
at::Tensor narrowed(const at::Tensor& values, at::ScalarType dtype);

}  // namespace dream::engine

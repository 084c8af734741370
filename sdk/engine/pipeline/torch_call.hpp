// What every call into the engine needs around it, whichever thread it comes from.
#pragma once

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <stdexcept>
#include <utility>

namespace dream::engine {

// Runs `body` without autograd and with the engine's number of threads (both are per thread);
// libtorch's errors become std::runtime_error without a backtrace.
template <class Body>
decltype(auto) torch_call(Body&& body) {
  const c10::InferenceMode inference;
  at::init_num_threads();
  try {
    return std::forward<Body>(body)();
  } catch (const c10::Error& error) {
    throw std::runtime_error(error.what_without_backtrace());
  }
}

}  // namespace dream::engine

#include "sdk/engine/annotators/chain.hpp"

#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>

namespace dream::engine {

Chain::Chain(const Weights& weights, const std::vector<Link>& links) {
  for (const Link& link : links) {
    Step& step = steps_.emplace_back(Step{{}, link.relu});
    if (link.name.empty()) continue;
    step.convolution.emplace(weights.scope(link.name),
                             Convolution::Shape{.in = link.in,
                                                .out = link.out,
                                                .kernel = link.kernel,
                                                .padding = link.kernel / 2});
  }
}

at::Tensor Chain::operator()(at::Tensor x) const {
  for (const Step& step : steps_) {
    if (!step.convolution) {
      x = at::max_pool2d(x, {2, 2}, {2, 2});
      continue;
    }
    x = (*step.convolution)(x);
    if (step.relu) x = at::relu_(x);
  }
  return x;
}

}  // namespace dream::engine

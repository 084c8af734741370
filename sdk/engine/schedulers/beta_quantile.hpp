// Quantiles of the symmetric beta distribution, by which "Beta Sampling is All You Need" (arXiv
// 2407.12173) places its steps: close together at both ends of a run.
#pragma once

namespace dream::engine {

// The x at which the regularised incomplete beta function I_x(shape, shape) is `share`; both lie
// within 0..1, shape above 0. Equals scipy.stats.beta.ppf to a relative error of 1e-12 where x <=
// 1/2, and to an absolute one above.
double beta_quantile(double share, double shape);

}  // namespace dream::engine

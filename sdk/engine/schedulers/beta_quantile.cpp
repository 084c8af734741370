#include "sdk/engine/schedulers/beta_quantile.hpp"

#include <algorithm>
#include <cmath>

namespace dream::engine {
namespace {

// Of I_x = x^a / B sum_n (1 - a)_n / n! x^n / (a + n) the sum; for x <= 1/2 every term is at most
// about half of the one before.
double beta_series(double x, double a) {
  double factor = 1, sum = 1 / a;
  for (int n = 1; n < 1000; ++n) {
    factor *= (n - a) / n * x;
    const double term = factor / (a + n);
    sum += term;
    if (std::abs(term) < 1e-17 * sum) break;
  }
  return sum;
}

}  // namespace

double beta_quantile(double share, double shape) {
  if (share > 0.5) return 1 - beta_quantile(1 - share, shape);  // the distribution is symmetric
  if (share <= 0) return 0;
  const double log_beta = 2 * std::lgamma(shape) - std::lgamma(2 * shape);
  // log I_x over log x is all but straight, which makes Newton's method end after a few rounds; it
  // starts from the series' first term alone.
  double log_x =
      std::min((std::log(share) + std::log(shape) + log_beta) / shape, std::log(0.5));
  for (int round = 0; round < 50; ++round) {
    const double x = std::exp(log_x);
    const double sum = beta_series(x, shape);
    const double log_share = shape * log_x - log_beta + std::log(sum);
    // d log I / d log x: density times x over I, in which x^a / B cancels.
    const double slope = std::pow(1 - x, shape - 1) / sum;
    const double step = (log_share - std::log(share)) / slope;
    log_x = std::min(log_x - step, std::log(0.5));
    if (std::abs(step) < 1e-15 * std::max(1.0, std::abs(log_x))) break;
  }
  return std::exp(log_x);
}

}  // namespace dream::engine

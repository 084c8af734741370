#include "sdk/engine/kernels/group_norm.hpp"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sdk/engine/kernels/fused.hpp"
#include "sdk/engine/kernels/rows.hpp"
#include "sdk/engine/kernels/switches.hpp"

#ifdef DREAM_CUDA
#include "sdk/engine/kernels/cuda/operators.hpp"
#endif

namespace dream::engine {
namespace {

// A map cut into pieces for the threads. The cut depends on the map alone, and so do all sums.
struct Pieces {
  static constexpr std::int64_t floats = 32 << 10;  // of a piece: some row of a mid-sized map

  std::int64_t batch, channels, pixels;
  std::int64_t rows = std::max<std::int64_t>(1, floats / channels);  // pixels of a piece
  std::int64_t per_picture = (pixels + rows - 1) / rows;

  explicit Pieces(const at::Tensor& x)
      : batch(x.size(0)), channels(x.size(1)), pixels(x.size(2) * x.size(3)) {}

  // Calls body(picture, piece of the picture, first pixel, pixels) for all of them, in parallel.
  template <class Body>
  void for_each(const Body& body) const {
    at::parallel_for(0, batch * per_picture, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) {
        const auto first = i % per_picture * rows;
        body(i / per_picture, i % per_picture, first, std::min(rows, pixels - first));
      }
    });
  }
};

// Sums over pixels of x - pivot and of its square, the pivot being the first pixel's value.
struct Moments {
  double sum = 0, squares = 0;
};

// fp32 within so many rows, fp64 beyond.
constexpr std::int64_t rows_of_a_sum = 64;

void add_piece(Rows x, const float* pivot, Moments* moments) {
  const auto width = x.width;
  std::vector<float> sums(2 * width);
  for (std::int64_t left = x.count; left > 0; left -= rows_of_a_sum) {
    std::fill(sums.begin(), sums.end(), 0.0F);
    x.count = std::min(rows_of_a_sum, left);
    add_moments(x, pivot, sums.data(), sums.data() + width);
    for (std::int64_t c = 0; c < width; ++c) {
      moments[c].sum += sums[c];
      moments[c].squares += sums[width + c];
    }
    x.data += x.count * width;
  }
}

// Of each channel of each picture: [batch][channels].
std::vector<Moments> moments_of(const at::Tensor& x, const Pieces& pieces) {
  const auto channels = pieces.channels;
  const auto* const data = x.const_data_ptr<float>();
  std::vector<Moments> partial(pieces.batch * pieces.per_picture * channels);
  pieces.for_each([&](std::int64_t picture, std::int64_t piece, std::int64_t first,
                      std::int64_t count) {
    const auto* const own = data + picture * pieces.pixels * channels;
    add_piece({own + first * channels, count, channels}, own,
              &partial[(picture * pieces.per_picture + piece) * channels]);
  });
  std::vector<Moments> whole(pieces.batch * channels);
  for (std::int64_t i = 0; i < pieces.batch * pieces.per_picture; ++i) {
    auto* const sums = &whole[i / pieces.per_picture * channels];
    for (std::int64_t c = 0; c < channels; ++c) {
      sums[c].sum += partial[i * channels + c].sum;
      sums[c].squares += partial[i * channels + c].squares;
    }
  }
  return whole;
}

struct Channel {
  double mean, deviations;  // the latter: sum of squared distances from the mean
};

// One group of one picture, from its channels (Chan, Golub, LeVeque: "Updating formulae and a
// pairwise algorithm for computing sample variances", 1979).
struct Group {
  double mean = 0, variance = 0;

  Group(const Channel* channels, std::int64_t count, double pixels) {
    for (std::int64_t c = 0; c < count; ++c) mean += channels[c].mean;
    mean /= static_cast<double>(count);
    for (std::int64_t c = 0; c < count; ++c) {
      const double apart = channels[c].mean - mean;
      variance += channels[c].deviations + pixels * apart * apart;
    }
    variance /= static_cast<double>(count) * pixels;
  }
};

}  // namespace

bool has_group_norm_kernel(const at::Tensor& x) {
  const bool on_cpu = x.is_cpu() && x.scalar_type() == at::kFloat && !at::GradMode::is_enabled();
  return (on_cpu || has_cuda_kernels(x)) && x.dim() == 4 && x.numel() > 0 &&
         x.is_contiguous(at::MemoryFormat::ChannelsLast) && is_on("group_norm");
}

ChannelAffine group_norm_affine(const at::Tensor& x, const GroupNormWeights& weights,
                                const at::Tensor& shift) {
#ifdef DREAM_CUDA
  if (x.is_cuda()) return cuda::group_norm_affine(x, weights, shift);
#endif
  const Pieces pieces(x);
  const auto channels = pieces.channels, in_group = channels / weights.groups;
  const auto pixels = static_cast<double>(pieces.pixels);
  const auto moments = moments_of(x, pieces);
  const auto* const data = x.const_data_ptr<float>();
  const auto* const weight = weights.weight.const_data_ptr<float>();
  const auto* const bias = weights.bias.const_data_ptr<float>();
  const auto shifts = shift.defined() ? shift.contiguous() : shift;
  const auto shift_step = shift.defined() && shift.size(0) > 1 ? channels : 0;
  const auto options = x.options().memory_format(at::MemoryFormat::Contiguous);
  ChannelAffine affine{at::empty({pieces.batch, channels}, options),
                       at::empty({pieces.batch, channels}, options)};
  auto* factor = affine.factor.mutable_data_ptr<float>();
  auto* offset = affine.offset.mutable_data_ptr<float>();
  std::vector<Channel> own(channels);
  for (std::int64_t n = 0; n < pieces.batch; ++n, factor += channels, offset += channels) {
    const auto* const pivot = data + n * pieces.pixels * channels;
    const auto* const added =
        shifts.defined() ? shifts.const_data_ptr<float>() + n * shift_step : nullptr;
    for (std::int64_t c = 0; c < channels; ++c) {
      const auto& [sum, squares] = moments[n * channels + c];
      own[c] = {pivot[c] + sum / pixels + (added ? added[c] : 0.0F),
                std::max(0.0, squares - sum * sum / pixels)};
    }
    for (std::int64_t first = 0; first < channels; first += in_group) {
      const Group group(&own[first], in_group, pixels);
      const double scale = 1 / std::sqrt(group.variance + weights.eps);
      for (auto c = first; c < first + in_group; ++c) {
        const double slope = weight[c] * scale;
        factor[c] = static_cast<float>(slope);
        offset[c] =
            static_cast<float>(bias[c] + ((added ? added[c] : 0.0F) - group.mean) * slope);
      }
    }
  }
  return affine;
}

at::Tensor scale_channels(const at::Tensor& x, const ChannelAffine& affine, bool silu) {
#ifdef DREAM_CUDA
  if (x.is_cuda()) return cuda::scale_channels(x, affine, silu);
#endif
  const Pieces pieces(x);
  const auto channels = pieces.channels;
  auto result = at::empty(x.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
  const auto* const data = x.const_data_ptr<float>();
  const auto* const factor = affine.factor.const_data_ptr<float>();
  const auto* const offset = affine.offset.const_data_ptr<float>();
  auto* const out = result.mutable_data_ptr<float>();
  const auto write = silu ? scale_silu_rows : scale_rows;
  pieces.for_each([&](std::int64_t picture, std::int64_t, std::int64_t first,
                      std::int64_t count) {
    const auto place = (picture * pieces.pixels + first) * channels;
    write({data + place, count, channels}, factor + picture * channels,
          offset + picture * channels, out + place);
  });
  return result;
}

}  // namespace dream::engine

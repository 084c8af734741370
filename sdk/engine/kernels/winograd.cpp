#include "sdk/engine/kernels/winograd.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/kron.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>

#include "sdk/engine/kernels/packed.hpp"
#include "sdk/engine/kernels/winograd_tiles.hpp"

namespace dream::engine {
namespace {

// Tiles that are in work at a time: what lies between the products and their ends is read once more
// and should still be in a cache then.
constexpr std::int64_t bytes_in_work = 16 << 20;
constexpr std::int64_t fewest_tiles = 256;  // below it products are slow

// A channels_last map by pixel.
template <class Float>
struct Map {
  Float* data;
  std::int64_t channels, height, width;

  bool has(std::int64_t y, std::int64_t x) const {
    return y >= 0 && x >= 0 && y < height && x < width;
  }
  Float* pixel(std::int64_t picture, std::int64_t y, std::int64_t x) const {
    return data + ((picture * height + y) * width + x) * channels;
  }
};

struct Tile {
  std::int64_t picture, y, x;  // the first of its 2x2 pixels
};

// All tiles of a batch in one line.
struct Tiles {
  std::int64_t down, across, count;

  explicit Tiles(const at::Tensor& x)
      : down((x.size(2) + 1) / 2), across((x.size(3) + 1) / 2),
        count(x.size(0) * down * across) {}
  Tile at(std::int64_t i) const {
    return {i / (down * across), i / across % down * 2, i % across * 2};
  }
};

void take_in(const Map<const float>& map, const Tiles& tiles, std::int64_t first,
             const at::Tensor& rows) {
  const auto count = rows.size(1), channels = map.channels;
  const std::vector<float> outside(channels);
  auto* const out = rows.mutable_data_ptr<float>();
  at::parallel_for(0, count, 16, [&](std::int64_t begin, std::int64_t end) {
    std::array<const float*, 16> pixels;
    for (auto i = begin; i < end; ++i) {
      const auto [picture, top, left] = tiles.at(first + i);
      for (int p = 0; p < 16; ++p) {
        const auto y = top - 1 + p / 4, x = left - 1 + p % 4;
        pixels[p] = map.has(y, x) ? map.pixel(picture, y, x) : outside.data();
      }
      winograd_input_tile(pixels, channels, out + i * channels, count * channels);
    }
  });
}

void give_out(const std::vector<at::Tensor>& products, const Tiles& tiles, std::int64_t first,
              const float* bias, const float* residual, const Map<float>& map) {
  const auto channels = map.channels;
  std::array<const float*, 16> data;
  for (int i = 0; i < 16; ++i) data[i] = products[i].const_data_ptr<float>();
  at::parallel_for(0, products[0].size(0), 16, [&](std::int64_t begin, std::int64_t end) {
    std::array<const float*, 16> rows;
    std::array<const float*, 4> added;
    std::array<float*, 4> out;
    for (auto i = begin; i < end; ++i) {
      const auto [picture, top, left] = tiles.at(first + i);
      for (int p = 0; p < 16; ++p) rows[p] = data[p] + i * channels;
      for (int p = 0; p < 4; ++p) {
        const auto y = top + p / 2, x = left + p % 2;
        out[p] = map.has(y, x) ? map.pixel(picture, y, x) : nullptr;
        added[p] = residual && out[p] ? residual + (out[p] - map.data) : nullptr;
      }
      winograd_output_tile(rows, channels, bias, added, out);
    }
  });
}

}  // namespace

bool fits_winograd(std::int64_t in_channels, std::int64_t out_channels) {
  return in_channels % winograd_lanes == 0 && out_channels % winograd_lanes == 0;
}

at::Tensor winograd_filters(const at::Tensor& weight) {
  const auto g = at::tensor({1.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5, -0.5, 0.5, 0.0, 0.0, 1.0},
                            weight.options().memory_format(std::nullopt))
                     .view({4, 3});
  const auto both = at::kron(g, g);  // [16, 9]
  return at::matmul(both, weight.contiguous().view({-1, 9}).t())
      .view({winograd_products, weight.size(0), weight.size(1)});
}

at::Tensor winograd_convolution(const at::Tensor& x, const std::vector<at::Tensor>& packed,
                                const at::Tensor& bias, const at::Tensor& residual) {
  const auto input = x.contiguous(at::MemoryFormat::ChannelsLast);
  const auto added =
      residual.defined() ? residual.contiguous(at::MemoryFormat::ChannelsLast) : residual;
  const auto batch = x.size(0), in = x.size(1), height = x.size(2), width = x.size(3);
  const auto out = packed[0].size(0);
  auto result = at::empty({batch, out, height, width}, input.options(),
                          at::MemoryFormat::ChannelsLast);
  const Map<const float> from{input.const_data_ptr<float>(), in, height, width};
  const Map<float> to{result.mutable_data_ptr<float>(), out, height, width};
  const Tiles tiles(x);
  const auto tile_bytes = winograd_products * (in + out) * static_cast<std::int64_t>(sizeof(float));
  const auto most = std::max(fewest_tiles, bytes_in_work / tile_bytes);
  const auto pieces = (tiles.count + most - 1) / most;
  const auto each = (tiles.count + pieces - 1) / pieces;
  for (std::int64_t first = 0; first < tiles.count; first += each) {
    const auto count = std::min(each, tiles.count - first);
    const auto rows = at::empty({winograd_products, count, in}, at::TensorOptions(at::kFloat));
    take_in(from, tiles, first, rows);
    std::vector<at::Tensor> products;
    for (std::int64_t i = 0; i < winograd_products; ++i)
      products.push_back(packed_linear(rows[i], packed[i], {}));
    give_out(products, tiles, first, bias.const_data_ptr<float>(),
             added.defined() ? added.const_data_ptr<float>() : nullptr, to);
  }
  return result;
}

}  // namespace dream::engine

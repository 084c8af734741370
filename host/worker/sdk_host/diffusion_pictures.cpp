#include "host/worker/sdk_host/diffusion_pictures.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "host/worker/imaging/decode.hpp"
#include "host/worker/imaging/fit.hpp"
#include "host/worker/sdk_host/diffusion_inputs.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"

namespace dream::worker {
namespace {

// The picture in the file input called `name`, without alpha.
std::optional<engine::Picture> read_picture(const RunState& run, std::string_view name) {
  const nlohmann::json& file = run.input_json(name);
  if (file.is_null()) return std::nullopt;
  try {
    auto picture = imaging::decode_file(file.get<std::string>());
    return picture.channels == 4 ? engine::convert(picture, 3) : std::move(picture);
  } catch (const engine::InvalidInput& error) {
    throw invalid(std::string(name) + ": " + error.what());
  }
}

imaging::Size output_size(const RunState& run, const engine::ModelInfo& model,
                          const std::optional<engine::Picture>& image) {
  const imaging::Size given{run.input_or("width", 0), run.input_or("height", 0)};
  if (!image) {
    return {given.width > 0 ? given.width : model.native_size,
            given.height > 0 ? given.height : model.native_size};
  }
  const auto size = imaging::size_like(image->width, image->height, given, max_pixels,
                                       model.size_multiple);
  if (size.width == 0 || size.height == 0)
    throw invalid("image: its " + std::to_string(image->width) + " x " +
                  std::to_string(image->height) + " pixels leave no side of at least " +
                  std::to_string(model.size_multiple) + " pixels; give width and height");
  return size;
}

// A long thin picture that is to cover a square would be scaled to an enormous one first.
void check_scaled_size(const imaging::Placement& placement, const engine::Picture& image) {
  const auto pixels = static_cast<std::uint64_t>(placement.scaled_width) * placement.scaled_height;
  if (pixels <= imaging::max_picture_pixels) return;
  throw invalid("image: its " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                " pixels are too far from the proportions of the output's " +
                std::to_string(placement.width) + " x " + std::to_string(placement.height) +
                "; set resize_mode to fit or stretch, or give other sides");
}

}  // namespace

void read_pictures(const RunState& run, const engine::ModelInfo& model,
                   engine::GenerateRequest& request) {
  const auto image = read_picture(run, "image");
  const auto mask = read_picture(run, "mask");
  if (mask && !image) throw invalid("mask is given without image: give the picture to repaint");
  const auto size = output_size(run, model, image);
  request.width = size.width;
  request.height = size.height;
  if (!image) return;
  const auto mode = imaging::resize_mode(run.input_or<std::string>("resize_mode", "fill"));
  // The mask lies on the picture: it goes where that goes, whatever its own size.
  const auto placement = imaging::place(image->width, image->height, size.width, size.height, mode);
  check_scaled_size(placement, *image);
  auto fitted = engine::convert(imaging::apply(placement, *image, imaging::Border::edge), 3);
  request.image = engine::Image{fitted.width, fitted.height, std::move(fitted.data)};
  if (mask) {
    auto grey = engine::convert(imaging::apply(placement, *mask, imaging::Border::white), 1);
    request.mask = engine::Mask{grey.width, grey.height, std::move(grey.data)};
  }
  request.prompt_strength = run.input_or("prompt_strength", 0.8);
  request.paste_original = run.input_or("paste_original", true);
}

}  // namespace dream::worker

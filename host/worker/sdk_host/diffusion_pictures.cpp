#include "host/worker/sdk_host/diffusion_pictures.hpp"

#include <filesystem>
#include <string_view>
#include <utility>

#include "host/worker/imaging/decode.hpp"
#include "host/worker/sdk_host/diffusion_inputs.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"

namespace dream::worker {
namespace {

// What nobody painted is kept: where a mask is clear it is black, as a canvas hands it out.
engine::Picture on_black(const engine::Picture& mask) {
  auto solid = engine::blank_picture(mask.width, mask.height, 3);
  auto to = solid.data.begin();
  for (auto from = mask.data.cbegin(); from != mask.data.cend(); from += 4) {
    for (int channel = 0; channel < 3; ++channel)
      *to++ = static_cast<std::uint8_t>((from[channel] * from[3] + 127) / 255);
  }
  return solid;
}

// The picture in the file input called `name`, without alpha.
std::optional<engine::Picture> read_picture(const RunState& run, std::string_view name) {
  const nlohmann::json& file = run.input_json(name);
  if (file.is_null()) return std::nullopt;
  try {
    auto picture = imaging::decode_file(file.get<std::string>());
    if (picture.channels != 4) return picture;
    return name == "mask" ? on_black(picture) : engine::convert(picture, 3);
  } catch (const engine::InvalidInput& error) {
    throw invalid(std::string(name) + ": " + error.what());
  }
}

imaging::Size output_size(const RunState& run, const engine::ModelInfo& model,
                          std::optional<imaging::Size> image,
                          std::optional<imaging::Size> control) {
  const imaging::Size given{run.input_or("width", 0), run.input_or("height", 0)};
  const auto& leading = image ? image : control;
  if (!leading) {
    return {given.width > 0 ? given.width : model.native_size,
            given.height > 0 ? given.height : model.native_size};
  }
  const auto size = imaging::size_like(leading->width, leading->height, given, max_pixels,
                                       model.size_multiple);
  if (size.width == 0 || size.height == 0)
    throw invalid(std::string(image ? "image" : "control_image") + ": its " +
                  std::to_string(leading->width) + " x " + std::to_string(leading->height) +
                  " pixels leave no side of at least " + std::to_string(model.size_multiple) +
                  " pixels; give width and height");
  return size;
}

}  // namespace

InputPictures read_input_pictures(const RunState& run) {
  InputPictures pictures{read_picture(run, "image"), read_picture(run, "mask"), std::nullopt};
  if (const auto& source = run.schema().control()) {
    pictures.control = read_picture(run, "control_image");
    if (source->masked && pictures.mask) {
      if (!pictures.image) pictures.image = pictures.control;
      if (!pictures.control) pictures.control = pictures.image;
    }
  }
  if (pictures.mask && !pictures.image)
    throw invalid("mask is given without image: give the picture to repaint");
  return pictures;
}

imaging::Placement place_picture(const RunState& run, const std::string& name,
                                 const engine::Picture& picture,
                                 const engine::GenerateRequest& request) {
  const auto mode = imaging::resize_mode(run.input_or<std::string>("resize_mode", "fill"));
  const auto placement = imaging::place(picture.width, picture.height, request.width,
                                        request.height, mode);
  // A long thin picture that is to cover a square would be scaled to an enormous one first.
  const auto pixels = static_cast<std::uint64_t>(placement.scaled_width) * placement.scaled_height;
  if (pixels <= imaging::max_picture_pixels) return placement;
  throw invalid(name + ": its " + std::to_string(picture.width) + " x " +
                std::to_string(picture.height) +
                " pixels are too far from the proportions of the output's " +
                std::to_string(placement.width) + " x " + std::to_string(placement.height) +
                "; set resize_mode to fit or stretch, or give other sides");
}

void fit_pictures(const RunState& run, const engine::ModelInfo& model,
                  const InputPictures& pictures, std::optional<imaging::Size> control,
                  engine::GenerateRequest& request) {
  const auto& image = pictures.image;
  std::optional<imaging::Size> image_size;
  if (image) image_size = imaging::Size{image->width, image->height};
  const auto size = output_size(run, model, image_size, control);
  request.width = size.width;
  request.height = size.height;
  if (!image) return;
  // The mask lies on the picture: it goes where that goes, whatever its own size.
  const auto placement = place_picture(run, "image", *image, request);
  auto fitted = engine::convert(imaging::apply(placement, *image, imaging::Border::edge), 3);
  request.image = engine::Image{fitted.width, fitted.height, std::move(fitted.data)};
  if (pictures.mask) {
    const auto laid = imaging::apply(placement, *pictures.mask, imaging::Border::white);
    auto grey = engine::convert(laid, 1);
    request.mask = engine::Mask{grey.width, grey.height, std::move(grey.data)};
  }
  request.prompt_strength = run.input_or("prompt_strength", 0.8);
  request.paste_original = run.input_or("paste_original", true);
}

}  // namespace dream::worker

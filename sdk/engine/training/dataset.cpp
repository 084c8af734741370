#include "sdk/engine/training/dataset.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randperm.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "sdk/engine/image/picture.hpp"
#include "sdk/engine/pipeline/pixels.hpp"

namespace dream::engine {
namespace {

// A number in 0 .. count - 1.
std::int64_t drawn(std::int64_t count, at::Generator& generator) {
  return at::randint(count, {1}, generator, at::kLong).item<std::int64_t>();
}

// torchvision's Resize(size): the longer side follows, cut off to a whole number.
Picture resized(const Image& image, int size) {
  Picture picture{image.width, image.height, 3, image.pixels};
  const int shorter = std::min(image.width, image.height);
  const int longer = static_cast<int>(static_cast<std::int64_t>(size) *
                                      std::max(image.width, image.height) / shorter);
  const bool upright = image.width <= image.height;
  const int width = upright ? size : longer, height = upright ? longer : size;
  if (width == image.width && height == image.height) return picture;
  return resample(picture, width, height, Filter::bilinear);
}

}  // namespace

at::Tensor training_pixels(const Image& image, int size, bool center_crop,
                           at::Generator& generator) {
  const auto picture = resized(image, size);
  // torchvision's CenterCrop rounds half to even, RandomCrop draws rows before columns.
  const auto middle = [&](int length) {
    return static_cast<std::int64_t>(std::nearbyint((length - size) / 2.0));
  };
  const auto top = center_crop ? middle(picture.height)
                               : drawn(picture.height - size + 1, generator);
  const auto left = center_crop ? middle(picture.width)
                                : drawn(picture.width - size + 1, generator);
  return (unit_pixels(picture.data, picture.width, picture.height, 3) * 2 - 1)
      .narrow(2, top, size)
      .narrow(3, left, size);
}

Dataset::Dataset(const TrainRequest& request, const Components& parts, int resolution,
                 at::Generator& generator)
    : with_prior_(request.with_prior_preservation), hflip_(request.hflip) {
  TrainProgress progress{.phase = TrainPhase::caching};
  progress.steps = static_cast<int>(request.instance_pictures.size() +
                                    (with_prior_ ? request.class_pictures.size() : 0));
  const auto encoded = encode(request.instance_pictures, request.instance_prompt, request, parts,
                              resolution, generator, progress);
  const auto order = at::randperm(std::ssize(encoded), generator, at::kLong);
  for (std::int64_t i = 0; i < order.size(0); ++i)
    instance_.push_back(encoded[order[i].item<std::int64_t>()]);
  if (with_prior_)
    class_ = encode(request.class_pictures, request.class_prompt, request, parts, resolution,
                    generator, progress);
}

int Dataset::prompt_number(const std::string& text, const ClipTokenizer& tokenizer) {
  const auto [entry, is_new] = numbers_.emplace(text, static_cast<int>(prompts_.size()));
  if (is_new) {
    auto ids = tokenizer.tokenize(text);
    ids.resize(std::min<std::size_t>(ids.size(), tokenizer.max_length() - 2));
    ids.insert(ids.begin(), tokenizer.bos());
    ids.push_back(tokenizer.eos());
    prompts_.push_back(std::move(ids));
  }
  return entry->second;
}

std::vector<Dataset::Item> Dataset::encode(const std::vector<TrainPicture>& pictures,
                                           const std::string& prompt, const TrainRequest& request,
                                           const Components& parts, int resolution,
                                           at::Generator& generator, TrainProgress& progress) {
  const at::NoGradGuard unrecorded;
  std::vector<Item> items;
  for (const auto& picture : pictures) {
    const auto pixels = training_pixels(request.read_picture(picture.file), resolution,
                                        request.center_crop, generator)
                            .to(parts.compute.device, parts.compute.dtype);
    auto& item = items.emplace_back();
    item.latents.push_back(parts.vae.encode(pixels));
    if (hflip_) item.latents.push_back(parts.vae.encode(at::flip(pixels, {3})));
    item.prompt =
        prompt_number(picture.caption.empty() ? prompt : picture.caption, parts.tokenizer);
    ++progress.step;
    if (!request.on_progress(progress)) throw Canceled();
  }
  return items;
}

Batch::Row Dataset::row(const Item& item, at::Generator& generator) const {
  const bool mirrored = hflip_ && at::rand({1}, generator, at::kFloat).item<float>() < 0.5F;
  return {&item.latents[mirrored ? 1 : 0], item.prompt};
}

Batch Dataset::batch(const std::vector<std::int64_t>& places, at::Generator& generator) const {
  Batch batch;
  for (const auto place : places)
    batch.rows.push_back(row(instance_[place % instance_.size()], generator));
  if (!with_prior_) return batch;
  for (const auto place : places)
    batch.rows.push_back(row(class_[place % class_.size()], generator));
  return batch;
}

}  // namespace dream::engine

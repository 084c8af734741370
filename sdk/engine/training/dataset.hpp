// Pictures and prompts as the steps of a training use them: encoded once, drawn from many times.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/training.hpp"

namespace dream::engine {

// What a micro-batch is made of; with the prior the class pictures follow the instance pictures, as
// many of them.
struct Batch {
  struct Row {
    const DiagonalGaussian* latents;  // of one picture
    int prompt;                       // its number in Dataset::prompts()
  };
  std::vector<Row> rows;
};

// A picture as the VAE takes it, [1, 3, size, size] in -1..1: its shorter side brought to `size`
// (Pillow's bilinear filter), then a square cut out, from the middle or where `generator` says.
at::Tensor training_pixels(const Image& image, int size, bool center_crop,
                           at::Generator& generator);

class Dataset {
 public:
  // Reads and encodes every picture; progress as TrainPhase::caching. `generator` shuffles the
  // instance pictures and draws where they are cut. Throws Canceled, and what read_picture throws.
  Dataset(const TrainRequest& request, const Components& parts, int resolution,
          at::Generator& generator);

  // Places in an epoch: the larger of the numbers of instance and of class pictures.
  int size() const { return static_cast<int>(std::max(instance_.size(), class_.size())); }
  // Of these places of an epoch. Where pictures are mirrored, `generator` says which.
  Batch batch(const std::vector<std::int64_t>& places, at::Generator& generator) const;

  // Token ids of each different prompt: begin, what fits of the text, end.
  const std::vector<std::vector<std::int64_t>>& prompts() const { return prompts_; }

 private:
  struct Item {
    std::vector<DiagonalGaussian> latents;  // as it is; mirrored
    int prompt = 0;
  };
  int prompt_number(const std::string& text, const ClipTokenizer& tokenizer);
  std::vector<Item> encode(const std::vector<TrainPicture>& pictures, const std::string& prompt,
                           const TrainRequest& request, const Components& parts, int resolution,
                           at::Generator& generator, TrainProgress& progress);
  Batch::Row row(const Item& item, at::Generator& generator) const;

  bool with_prior_, hflip_;
  std::vector<Item> instance_, class_;
  std::vector<std::vector<std::int64_t>> prompts_;
  std::map<std::string, int> numbers_;
};

}  // namespace dream::engine

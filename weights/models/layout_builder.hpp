// The pieces that the layouts are made of: layers, residual blocks, attention.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "weights/models/layout.hpp"

namespace dream::weights {

class LayoutBuilder {
 public:
  void linear(const std::string& name, std::int64_t in, std::int64_t out, bool bias = true);
  void conv(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel);
  void norm(const std::string& name, std::int64_t channels);
  void table(const std::string& name, std::int64_t rows, std::int64_t columns);
  // One layer of CLIP's text or vision encoder.
  void clip_layer(const std::string& name, std::int64_t width, std::int64_t inner);
  // A bare parameter.
  void tensor(const std::string& name, std::vector<std::int64_t> shape);
  // norm1, conv1, norm2, conv2, with a shortcut where the width changes; no time embedding for 0.
  void resnet(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t time_width);
  // Transformer2DModel with one block, as SD's UNets have it.
  void transformer(const std::string& name, std::int64_t channels, std::int64_t text_width,
                   bool linear_projection);
  // The single self-attention of a VAE's middle.
  void self_attention(const std::string& name, std::int64_t channels);

  std::vector<TensorShape> take() { return std::move(tensors_); }

 private:
  void projections(const std::string& name, std::int64_t channels, std::int64_t context);
  std::vector<TensorShape> tensors_;
};

// Values of a config, checked. Throw Error naming the key.
std::int64_t config_integer(const nlohmann::json& config, const char* key);
std::int64_t config_integer(const nlohmann::json& config, const char* key, std::int64_t fallback);
bool config_flag(const nlohmann::json& config, const char* key);
std::vector<std::int64_t> config_integers(const nlohmann::json& config, const char* key);
std::vector<std::string> config_names(const nlohmann::json& config, const char* key);

}  // namespace dream::weights

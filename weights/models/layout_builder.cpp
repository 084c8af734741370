#include "weights/models/layout_builder.hpp"

#include <fmt/core.h>

#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

constexpr std::int64_t largest = 1 << 20;  // of any width, count or vocabulary
constexpr std::size_t most_blocks = 16;

std::int64_t checked(const nlohmann::json& value, const char* key) {
  if (!value.is_number_integer() || value.get<std::int64_t>() < 1 ||
      value.get<std::int64_t>() > largest)
    throw Error(fmt::format("config.json: \"{}\" is {}, expected an integer from 1 to {}", key,
                            value.dump(), largest));
  return value.get<std::int64_t>();
}

const nlohmann::json& list_of(const nlohmann::json& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end() || !found->is_array() || found->empty() || found->size() > most_blocks)
    throw Error(
        fmt::format("config.json: \"{}\" is not a list of 1 to {} entries", key, most_blocks));
  return *found;
}

}  // namespace

void LayoutBuilder::linear(const std::string& name, std::int64_t in, std::int64_t out, bool bias) {
  tensors_.push_back({name + ".weight", {out, in}});
  if (bias) tensors_.push_back({name + ".bias", {out}});
}

void LayoutBuilder::conv(const std::string& name, std::int64_t in, std::int64_t out,
                         std::int64_t kernel) {
  tensors_.push_back({name + ".weight", {out, in, kernel, kernel}});
  tensors_.push_back({name + ".bias", {out}});
}

void LayoutBuilder::norm(const std::string& name, std::int64_t channels) {
  tensors_.push_back({name + ".weight", {channels}});
  tensors_.push_back({name + ".bias", {channels}});
}

void LayoutBuilder::table(const std::string& name, std::int64_t rows, std::int64_t columns) {
  tensors_.push_back({name + ".weight", {rows, columns}});
}

void LayoutBuilder::clip_layer(const std::string& name, std::int64_t width, std::int64_t inner) {
  for (const char* part : {"q_proj", "k_proj", "v_proj", "out_proj"})
    linear(name + ".self_attn." + part, width, width);
  norm(name + ".layer_norm1", width);
  linear(name + ".mlp.fc1", width, inner);
  linear(name + ".mlp.fc2", inner, width);
  norm(name + ".layer_norm2", width);
}

void LayoutBuilder::tensor(const std::string& name, std::vector<std::int64_t> shape) {
  tensors_.push_back({name, std::move(shape)});
}

void LayoutBuilder::resnet(const std::string& name, std::int64_t in, std::int64_t out,
                           std::int64_t time_width) {
  norm(name + ".norm1", in);
  conv(name + ".conv1", in, out, 3);
  if (time_width > 0) linear(name + ".time_emb_proj", time_width, out);
  norm(name + ".norm2", out);
  conv(name + ".conv2", out, out, 3);
  if (in != out) conv(name + ".conv_shortcut", in, out, 1);
}

void LayoutBuilder::projections(const std::string& name, std::int64_t channels,
                                std::int64_t context) {
  linear(name + ".to_q", channels, channels, false);
  linear(name + ".to_k", context, channels, false);
  linear(name + ".to_v", context, channels, false);
  linear(name + ".to_out.0", channels, channels);
}

void LayoutBuilder::transformer(const std::string& name, std::int64_t channels,
                                std::int64_t text_width, bool linear_projection) {
  const auto projection = [&](const std::string& layer) {
    if (linear_projection) return linear(layer, channels, channels);
    conv(layer, channels, channels, 1);
  };
  const std::string block = name + ".transformer_blocks.0";
  norm(name + ".norm", channels);
  projection(name + ".proj_in");
  norm(block + ".norm1", channels);
  projections(block + ".attn1", channels, channels);
  norm(block + ".norm2", channels);
  projections(block + ".attn2", channels, text_width);
  norm(block + ".norm3", channels);
  linear(block + ".ff.net.0.proj", channels, 8 * channels);  // value and gate
  linear(block + ".ff.net.2", 4 * channels, channels);
  projection(name + ".proj_out");
}

void LayoutBuilder::self_attention(const std::string& name, std::int64_t channels) {
  norm(name + ".group_norm", channels);
  for (const char* layer : {".to_q", ".to_k", ".to_v", ".to_out.0"})
    linear(name + layer, channels, channels);
}

std::int64_t config_integer(const nlohmann::json& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end()) throw Error(fmt::format("config.json: \"{}\" is missing", key));
  return checked(*found, key);
}

std::int64_t config_integer(const nlohmann::json& config, const char* key, std::int64_t fallback) {
  const auto found = config.find(key);
  return found == config.end() || found->is_null() ? fallback : checked(*found, key);
}

bool config_flag(const nlohmann::json& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return false;
  if (!found->is_boolean())
    throw Error(fmt::format("config.json: \"{}\" is {}, expected true or false", key,
                            found->dump()));
  return found->get<bool>();
}

std::vector<std::int64_t> config_integers(const nlohmann::json& config, const char* key) {
  std::vector<std::int64_t> values;
  for (const nlohmann::json& value : list_of(config, key)) values.push_back(checked(value, key));
  return values;
}

std::vector<std::string> config_names(const nlohmann::json& config, const char* key) {
  std::vector<std::string> names;
  for (const nlohmann::json& value : list_of(config, key)) {
    if (!value.is_string())
      throw Error(fmt::format("config.json: \"{}\" holds {}, expected names", key, value.dump()));
    names.push_back(value.get<std::string>());
  }
  return names;
}

}  // namespace dream::weights

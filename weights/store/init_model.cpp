#include "weights/store/init_model.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "weights/formats/float_bits.hpp"
#include "weights/formats/json_file.hpp"
#include "weights/formats/safetensors_writer.hpp"
#include "weights/models/architectures.hpp"
#include "weights/models/layout.hpp"
#include "weights/store/single_file.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t chunk_elements = 1 << 16;

std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
  x = (x ^ x >> 27) * 0x94D049BB133111EB;
  return x ^ x >> 31;
}

std::uint64_t fnv1a64(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

// The formula with all that is the same for every element of one tensor.
struct Formula {
  std::uint64_t start = 0;
  float scale = 0;  // zero: the element is `constant`
  float constant = 0;

  Formula(std::uint64_t seed, const std::string& name, const std::vector<std::int64_t>& shape)
      : start(splitmix64(seed ^ fnv1a64(name))) {
    if (shape.size() < 2) {
      constant = name.ends_with(".weight") ? 1 : 0;
    } else if (name.find("_embedding.weight") != std::string::npos && shape.size() == 2) {
      scale = 0.035F;
    } else {
      double fan_in = 1;
      for (std::size_t i = 1; i < shape.size(); ++i) fan_in *= static_cast<double>(shape[i]);
      scale = static_cast<float>(std::sqrt(3.0 / fan_in));
    }
  }

  float at(std::uint64_t index) const {
    if (scale == 0) return constant;
    const auto drawn = static_cast<std::int32_t>(splitmix64(start + index) >> 40);
    return scale * (static_cast<float>(drawn - (1 << 23)) * 0x1p-23F);
  }
};

void write_values(const Formula& formula, const TensorPlan& plan, const WriteBytes& write) {
  std::uint64_t count = 1;
  for (const std::int64_t size : plan.shape) count *= static_cast<std::uint64_t>(size);
  const std::size_t element = size_in_bytes(plan.dtype);
  std::vector<std::byte> buffer(std::min<std::uint64_t>(count, chunk_elements) * element);
  for (std::uint64_t first = 0; first < count; first += chunk_elements) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(count - first,
                                                                       chunk_elements));
    for (std::size_t i = 0; i < part; ++i) {
      const float value = formula.at(first + i);
      std::byte* target = buffer.data() + i * element;
      if (plan.dtype == DType::f32) {
        std::memcpy(target, &value, sizeof value);
      } else {
        const std::uint16_t half = plan.dtype == DType::f16 ? to_fp16(value) : to_bf16(value);
        std::memcpy(target, &half, sizeof half);
      }
    }
    write(std::span<const std::byte>(buffer).first(part * element));
  }
}

void write_component(const ArchitectureComponent& component, const fs::path& folder,
                     const InitOptions& options) {
  fs::create_directories(folder);
  write_json(folder / "config.json", component.config);
  std::vector<TensorPlan> plans;
  for (TensorShape& tensor : layout_of(component.class_name, component.config))
    plans.push_back({std::move(tensor.name), options.dtype, std::move(tensor.shape)});
  const bool is_text = component.library == "transformers";
  const char* name = is_text ? "model.safetensors" : "diffusion_pytorch_model.safetensors";
  write_safetensors(folder / name, plans, {{"format", "pt"}},
                    [&](const TensorPlan& plan, const WriteBytes& write) {
                      write_values({options.seed, plan.name, plan.shape}, plan, write);
                    });
}

void write_tokenizer(const fs::path& source, const fs::path& folder, std::string_view pad) {
  fs::create_directories(folder);
  for (const char* name : {"vocab.json", "merges.txt"})
    fs::copy_file(source / name, folder / name, fs::copy_options::overwrite_existing);
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    OutputFile file(folder / name);
    file.write(with_pad_token(map_file(source / name), pad));
    file.commit();
  }
}

}  // namespace

float init_value(std::uint64_t seed, const std::string& name,
                 const std::vector<std::int64_t>& shape, std::uint64_t index) {
  return Formula(seed, name, shape).at(index);
}

void init_model(const InitOptions& options, const fs::path& out) {
  const Architecture model = find_architecture(options.architecture);
  if (fs::exists(out) && !(fs::is_directory(out) && fs::is_empty(out)))
    throw Error(fmt::format("{}: is there already and not an empty folder", out.string()));
  fs::create_directories(out);
  nlohmann::json index = {{"_class_name", model.pipeline}, {"_diffusers_version", "0.42.1"}};
  for (const ArchitectureComponent& component : model.components) {
    write_component(component, component.name.empty() ? out : out / component.name, options);
    index[component.name] = {component.library, component.class_name};
  }
  if (model.pipeline.empty()) return;
  write_tokenizer(options.tokenizer, out / "tokenizer", model.pad_token);
  fs::create_directories(out / "scheduler");
  write_json(out / "scheduler" / "scheduler_config.json", model.scheduler);
  index["tokenizer"] = {"transformers", "CLIPTokenizer"};
  index["scheduler"] = {"diffusers", "PNDMScheduler"};
  index["safety_checker"] = {nullptr, nullptr};
  index["feature_extractor"] = {nullptr, nullptr};
  index["requires_safety_checker"] = false;
  write_json(out / "model_index.json", index);
}

}  // namespace dream::weights

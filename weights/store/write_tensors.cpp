#include "weights/store/write_tensors.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "weights/formats/float_bits.hpp"
#include "weights/formats/json_file.hpp"
#include "weights/formats/safetensors_writer.hpp"
#include "weights/formats/text.hpp"
#include "weights/formats/torch_zip_writer.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t chunk_elements = 1 << 16;

// What each ending of a file's name promises.
constexpr std::array<std::pair<std::string_view, FileFormat>, 5> endings = {
    {{".safetensors", FileFormat::safetensors},
     {".ckpt", FileFormat::torch_zip},
     {".bin", FileFormat::torch_zip},
     {".pt", FileFormat::torch_zip},
     {".pth", FileFormat::torch_zip}}};

bool is_floating_point(DType dtype) {
  return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}

template <typename Number>
Number load(const std::byte* bytes) {
  Number value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

float read_float(DType dtype, const std::byte* bytes) {
  switch (dtype) {
    case DType::f64:
      return static_cast<float>(load<double>(bytes));
    case DType::f16:
      return from_fp16(load<std::uint16_t>(bytes));
    case DType::bf16:
      return from_bf16(load<std::uint16_t>(bytes));
    default:
      return load<float>(bytes);
  }
}

// Rounds a tensor's bytes piece by piece; counts finite values that the new type cannot hold.
class Rounder {
 public:
  Rounder(DType from, DType to) : from_(from), to_(to) {}

  void write(std::span<const std::byte> source, const WriteBytes& write) {
    const std::size_t read = size_in_bytes(from_);
    const std::size_t written = size_in_bytes(to_);
    std::vector<std::byte> buffer(chunk_elements * written);
    while (!source.empty()) {
      const std::size_t count = std::min(chunk_elements, source.size() / read);
      for (std::size_t i = 0; i < count; ++i)
        put(read_float(from_, source.data() + i * read), buffer.data() + i * written);
      write(std::span<const std::byte>(buffer).first(count * written));
      source = source.subspan(count * read);
    }
  }

  std::uint64_t overflows() const { return overflows_; }

 private:
  void put(float value, std::byte* target) {
    if (to_ == DType::f32) {
      std::memcpy(target, &value, sizeof value);
      return;
    }
    const bool half = to_ == DType::f16;
    const std::uint16_t bits = half ? to_fp16(value) : to_bf16(value);
    std::memcpy(target, &bits, sizeof bits);
    if (std::isfinite(value) && !std::isfinite(half ? from_fp16(bits) : from_bf16(bits)))
      ++overflows_;
  }

  DType from_, to_;
  std::uint64_t overflows_ = 0;
};

DType target_dtype(const JoinedTensor& tensor, std::optional<DType> dtype) {
  return dtype && is_floating_point(tensor.dtype) ? *dtype : tensor.dtype;
}

std::uint64_t bytes_of(const JoinedTensor& tensor, std::optional<DType> dtype) {
  std::uint64_t bytes = 0;
  for (const TensorView& part : tensor.parts) bytes += part.bytes.size();
  return bytes / size_in_bytes(tensor.dtype) * size_in_bytes(target_dtype(tensor, dtype));
}

void write_parts(const JoinedTensor& tensor, DType dtype, const fs::path& path,
                 const WriteBytes& write, std::vector<std::string>& notes) {
  Rounder rounder(tensor.dtype, dtype);
  for (const TensorView& part : tensor.parts) {
    if (dtype == tensor.dtype) {
      write(part.bytes);
    } else {
      rounder.write(part.bytes, write);
    }
    release_pages(part);
  }
  if (rounder.overflows() > 0)
    notes.push_back(fmt::format("{}: {} values of '{}' are too large for {} and became infinite",
                                path.string(), rounder.overflows(), printable(tensor.name),
                                to_string(dtype)));
}

}  // namespace

std::optional<FileFormat> format_of(const fs::path& file) {
  const std::string ending = file.extension().string();
  const auto* found = std::ranges::find(endings, ending, [](const auto& each) {
    return each.first;
  });
  return found == endings.end() ? std::nullopt : std::optional(found->second);
}

std::vector<JoinedTensor> joined(const WeightMap& tensors) {
  std::vector<JoinedTensor> result;
  for (const auto& [name, view] : tensors) result.push_back({name, view.dtype, view.shape, {view}});
  return result;
}

void write_tensors(const fs::path& path, const std::vector<JoinedTensor>& tensors,
                   FileFormat format, std::optional<DType> dtype,
                   const std::map<std::string, std::string>& metadata,
                   std::vector<std::string>& notes) {
  std::vector<TensorPlan> plans;
  std::map<std::string_view, const JoinedTensor*> sources;
  for (const JoinedTensor& tensor : tensors) {
    plans.push_back({tensor.name, target_dtype(tensor, dtype), tensor.shape});
    sources[tensor.name] = &tensor;
  }
  const WriteTensor write = [&](const TensorPlan& plan, const WriteBytes& bytes) {
    write_parts(*sources.at(plan.name), plan.dtype, path, bytes, notes);
  };
  if (format == FileFormat::safetensors) return write_safetensors(path, plans, metadata, write);
  write_torch_zip(path, plans, write);
}

std::vector<fs::path> write_shards(const fs::path& folder, const std::string& stem,
                                   const std::vector<JoinedTensor>& tensors,
                                   std::optional<DType> dtype, std::uint64_t shard_bytes,
                                   const std::map<std::string, std::string>& metadata,
                                   std::vector<std::string>& notes) {
  std::vector<std::vector<JoinedTensor>> shards(1);
  std::uint64_t total = 0;
  std::uint64_t here = 0;
  for (const JoinedTensor& tensor : tensors) {
    const std::uint64_t bytes = bytes_of(tensor, dtype);
    if (here > 0 && here + bytes > shard_bytes) {
      shards.emplace_back();
      here = 0;
    }
    shards.back().push_back(tensor);
    here += bytes;
    total += bytes;
  }
  if (shards.size() == 1) {
    const fs::path file = folder / (stem + ".safetensors");
    write_tensors(file, tensors, FileFormat::safetensors, dtype, metadata, notes);
    return {file};
  }
  std::vector<fs::path> files;
  nlohmann::json index = {{"metadata", {{"total_size", total}}}};
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name =
        fmt::format("{}-{:05}-of-{:05}.safetensors", stem, i + 1, shards.size());
    write_tensors(folder / name, shards[i], FileFormat::safetensors, dtype, metadata, notes);
    for (const JoinedTensor& tensor : shards[i]) index["weight_map"][tensor.name] = name;
    files.push_back(folder / name);
  }
  files.push_back(folder / (stem + ".safetensors.index.json"));
  write_json(files.back(), index);
  return files;
}

}  // namespace dream::weights

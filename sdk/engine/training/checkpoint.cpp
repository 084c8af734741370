#include "sdk/engine/training/checkpoint.hpp"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "sdk/engine/tensor/tensor_file.hpp"
#include "sdk/engine/tensor/weights.hpp"
#include "weights/store/files.hpp"

namespace dream::engine {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr std::string_view prefix = "checkpoint-";
constexpr const char* tensors_name = "state.safetensors";
constexpr const char* scalars_name = "state.json";
// Beside the caller's tensors, whose names have dots.
constexpr const char* losses_name = "losses";
constexpr const char* rates_name = "learning_rates";
constexpr const char* generator_name = "generator";
// Of a folder that is on its way out, and not a checkpoint any more.
constexpr std::string_view removed_ending = ".removed";
constexpr std::size_t random_ending = 7;  // of one on its way in: ".Ab3xYz"

at::Tensor to_tensor(const std::vector<float>& values) {
  auto tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::kFloat);
  std::ranges::copy(values, tensor.mutable_data_ptr<float>());
  return tensor;
}

std::vector<float> to_floats(const at::Tensor& tensor) {
  if (tensor.scalar_type() != at::kFloat) throw std::runtime_error("numbers of another type");
  const float* first = tensor.const_data_ptr<float>();
  return {first, first + tensor.numel()};
}

fs::path path_of(const fs::path& folder, int step) {
  return folder / fmt::format("{}{}", prefix, step);
}

struct Name {
  int step = 0;
  bool complete = true;
};

std::optional<Name> parse(const std::string& name) {
  if (!name.starts_with(prefix)) return {};
  Name parsed;
  const auto [end, error] =
      std::from_chars(name.data() + prefix.size(), name.data() + name.size(), parsed.step);
  if (error != std::errc() || parsed.step < 0) return {};
  const std::string_view ending = name.data() + (end - name.data());
  parsed.complete = ending.empty();
  const bool passing =
      ending == removed_ending || (ending.starts_with('.') && ending.size() == random_ending);
  return parsed.complete || passing ? std::optional(parsed) : std::nullopt;
}

// Checkpoints below `folder`, complete or not. One that cannot be read has none.
std::vector<std::pair<fs::path, Name>> list(const fs::path& folder) {
  std::vector<std::pair<fs::path, Name>> found;
  std::error_code ignored;
  for (auto entry = fs::directory_iterator(folder, ignored); entry != fs::directory_iterator();
       entry.increment(ignored)) {
    if (!entry->is_directory(ignored)) continue;
    if (const auto name = parse(entry->path().filename().string()))
      found.emplace_back(entry->path(), *name);
  }
  return found;
}

NamedTensors tensors_of(const Checkpoint& checkpoint) {
  auto tensors = checkpoint.tensors;
  const auto add = [&](const char* name, const at::Tensor& tensor) {
    if (!tensors.emplace(name, tensor).second)
      throw std::logic_error(fmt::format("\"{}\" is the name of another tensor", name));
  };
  add(losses_name, to_tensor(checkpoint.losses));
  add(rates_name, to_tensor(checkpoint.learning_rates));
  if (checkpoint.generator.defined()) add(generator_name, checkpoint.generator);
  return tensors;
}

at::Tensor take(NamedTensors& tensors, const char* name) {
  auto node = tensors.extract(name);
  if (node.empty()) throw std::runtime_error(fmt::format("the tensor \"{}\" is missing", name));
  return std::move(node.mapped());
}

Checkpoint read(const fs::path& folder, const json& scalars) {
  Checkpoint checkpoint;
  checkpoint.step = scalars.at("step");
  checkpoint.request = scalars.at("request");
  auto& tensors = checkpoint.tensors;
  for (const auto& [name, view] : weights::read_weight_file(folder / tensors_name).tensors)
    tensors.emplace(name, read_tensor(view));
  checkpoint.losses = to_floats(take(tensors, losses_name));
  checkpoint.learning_rates = to_floats(take(tensors, rates_name));
  if (tensors.contains(generator_name)) checkpoint.generator = take(tensors, generator_name);
  return checkpoint;
}

json read_scalars(const fs::path& folder) {
  return weights::read_json_object(folder / scalars_name);
}

// Never half of one under its own name.
void remove_folder(const fs::path& checkpoint) {
  const fs::path aside = checkpoint.string() + std::string(removed_ending);
  fs::remove_all(aside);
  fs::rename(checkpoint, aside);
  fs::remove_all(aside);
}

// What a process left that ended while it wrote or removed.
void remove_unfinished(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& [path, name] : list(folder))
    if (!name.complete) fs::remove_all(path, ignored);
}

// Of those of `request`, ascending.
std::vector<int> own_steps(const fs::path& folder, const std::vector<int>& steps,
                           const std::string& request) {
  std::vector<int> own;
  for (const int step : steps) {
    try {
      if (read_scalars(path_of(folder, step)).at("request") == request) own.push_back(step);
    } catch (const std::exception&) {  // whose it is cannot be told: it stays
    }
  }
  return own;
}

}  // namespace

Checkpoints::Checkpoints(fs::path folder, int total_limit,
                         std::function<void(const std::string&)> log)
    : folder_(std::move(folder)), total_limit_(total_limit), log_(std::move(log)) {
  if (!log_) log_ = [](const std::string&) {};
}

void Checkpoints::save(const Checkpoint& checkpoint) const {
  remove_unfinished(folder_);
  const auto target = path_of(folder_, checkpoint.step);
  weights::OutputFolder written(target);
  write_safetensors(written.path() / tensors_name, tensors_of(checkpoint), {});
  weights::write_json(written.path() / scalars_name,
                      {{"step", checkpoint.step}, {"request", checkpoint.request}});
  if (fs::exists(target)) remove_folder(target);
  written.commit();
  if (total_limit_ <= 0) return;
  auto own = own_steps(folder_, steps(), checkpoint.request);
  // Later steps are of a run before this one: they go first.
  std::rotate(own.begin(), std::ranges::upper_bound(own, checkpoint.step), own.end());
  for (std::size_t i = 0; i + static_cast<std::size_t>(total_limit_) < own.size(); ++i) {
    try {
      remove_folder(path_of(folder_, own[i]));
    } catch (const fs::filesystem_error& error) {
      log_(error.what());
    }
  }
}

std::optional<Checkpoint> Checkpoints::load_newest(std::string_view request) const {
  auto all = steps();
  std::ranges::reverse(all);
  for (const int step : all) {
    const auto path = path_of(folder_, step);
    try {
      const json scalars = read_scalars(path);
      if (scalars.at("request").get<std::string>() == request) return read(path, scalars);
      log_(fmt::format("{} is of another training and is left alone", path.string()));
    } catch (const std::exception& error) {
      log_(fmt::format("{} is damaged and passed over: {}", path.string(), error.what()));
    }
  }
  return {};
}

std::vector<int> Checkpoints::steps() const {
  std::vector<int> steps;
  for (const auto& [path, name] : list(folder_))
    if (name.complete && path == path_of(folder_, name.step)) steps.push_back(name.step);
  std::ranges::sort(steps);
  return steps;
}

}  // namespace dream::engine

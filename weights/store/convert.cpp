#include "weights/store/convert.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "weights/formats/json_file.hpp"
#include "weights/formats/output_folder.hpp"
#include "weights/formats/weight_file.hpp"
#include "weights/store/component_files.hpp"
#include "weights/store/control_place.hpp"
#include "weights/store/model_folder.hpp"
#include "weights/store/model_source.hpp"
#include "weights/store/write_tensors.hpp"
#include "weights/store/zip_folder.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

void check_free(const fs::path& out) {
  std::error_code error;
  if (!fs::exists(out, error)) return;
  if (!fs::is_directory(out, error) || !fs::is_empty(out, error))
    throw Error(fmt::format("{}: is there already; name what does not exist", out.string()));
}

void write_component(const ModelFolder& model, const std::string& component, const fs::path& folder,
                     const ConvertOptions& options, Converted& done) {
  copy_other_files(model, component, folder);
  if (!model.has_weights(component)) return;
  const WeightFile weights = model.read(component);
  const auto format =
      options.target == Target::bin ? FileFormat::torch_zip : FileFormat::safetensors;
  const std::string stem = weight_stem(model, component, format);
  const auto tensors = joined(weights.tensors);
  if (format == FileFormat::torch_zip) {
    write_tensors(folder / (stem + ".bin"), tensors, format, options.dtype, {}, done.notes);
    return;
  }
  write_shards(folder, stem, tensors, options.dtype, options.shard_bytes, {{"format", "pt"}},
               done.notes);
}

void list_files(const fs::path& folder, Converted& done) {
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) done.files.push_back(entry.path());
  std::sort(done.files.begin(), done.files.end());
}

Converted to_folder(const ModelFolder& model, const fs::path& out, const ConvertOptions& options) {
  Converted done{{}, model.notes()};
  OutputFolder folder(out);
  write_json(folder.path() / "model_index.json", model.model_index());
  if (model.args()) write_json(folder.path() / "args.json", *model.args());
  for (const std::string& component : model.components()) {
    if (!model.has(component)) {
      done.notes.push_back(fmt::format("{}: has no '{}', although model_index.json names it",
                                       model.root().string(), component));
      continue;
    }
    write_component(model, component, folder.path() / component, options, done);
  }
  for (const std::string& network : own_control_networks(model.root()))
    done.notes.push_back(fmt::format("{}: its {} was not taken along; convert it by itself",
                                     model.root().string(), network));
  if (out.extension() == ".zip") {
    zip_folder(folder.path(), out);
    done.files = {out};
    return done;
  }
  folder.commit();
  list_files(out, done);
  return done;
}

Converted to_file(const std::vector<JoinedTensor>& tensors, const fs::path& out, FileFormat format,
                  const ConvertOptions& options, std::map<std::string, std::string> metadata,
                  std::vector<std::string> notes) {
  if (const auto promised = format_of(out); promised && *promised != format)
    throw Error(fmt::format("{}: the name says {}, but {} is asked for", out.string(),
                            *promised == FileFormat::safetensors ? "safetensors" : "torch",
                            format == FileFormat::safetensors ? "safetensors" : "torch"));
  if (fs::is_directory(out))
    throw Error(fmt::format("{}: is a folder, the name of a file is expected", out.string()));
  if (out.has_parent_path()) fs::create_directories(out.parent_path());
  Converted done{{out}, std::move(notes)};
  write_tensors(out, tensors, format, options.dtype, metadata, done.notes);
  return done;
}

Converted to_checkpoint(const ModelFolder& model, const fs::path& out,
                        const ConvertOptions& options) {
  std::vector<std::string> notes = model.notes();
  const auto tensors = to_single_file(model, notes);
  const std::string prediction = model.config("scheduler").value("prediction_type", "epsilon");
  return to_file(tensors, out, format_of(out).value_or(FileFormat::safetensors), options,
                 {{"format", "pt"}, {"modelspec.prediction_type", prediction}}, std::move(notes));
}

Converted same_file(const fs::path& in, const fs::path& out, const ConvertOptions& options) {
  const fs::path path = fs::is_directory(in) ? find_weight_file(in).value_or(in) : in;
  WeightFile weights = read_weight_file(path);
  const bool bin = options.target == Target::bin;
  auto metadata = weights.format == Format::safetensors
                      ? std::move(weights.metadata)
                      : std::map<std::string, std::string>{};
  metadata.emplace("format", "pt");
  return to_file(joined(weights.tensors), out,
                 bin ? FileFormat::torch_zip : FileFormat::safetensors, options,
                 std::move(metadata), std::move(weights.notes));
}

}  // namespace

Converted convert(const fs::path& in, const fs::path& out, const ConvertOptions& options) {
  if (!fs::exists(in)) throw Error(fmt::format("{}: no such file or folder", in.string()));
  check_free(out);
  const bool keeps = options.target == Target::safetensors || options.target == Target::bin;
  const bool is_model = ModelFolder::is_model(in);
  const bool is_tree = is_model && (fs::is_directory(in) || open_zip_source(in) != nullptr);
  if (!is_model && !keeps)
    throw Error(fmt::format("{}: is no whole model, which this format asks for: give a diffusers "
                            "folder, an output.zip or a single-file checkpoint",
                            in.string()));
  if (keeps && !is_tree) return same_file(in, out, options);
  const ModelFolder model = ModelFolder::open(in, options.single_file);
  if (options.target == Target::single_file) return to_checkpoint(model, out, options);
  return to_folder(model, out, options);
}

}  // namespace dream::weights

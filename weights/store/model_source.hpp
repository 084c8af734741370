// Where a model's files come from. A folder, an archive of one and a single-file checkpoint look
// the same from here: as the diffusers folder they stand for.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/formats/memory_map.hpp"
#include "weights/formats/weight_file.hpp"

namespace dream::weights {

class ZipArchive;

class ModelSource {
 public:
  virtual ~ModelSource() = default;

  // Bytes of a file by its path below the root, e.g. "unet/config.json"; nullopt when there is
  // none.
  virtual std::optional<FileBytes> file(const std::string& path) const = 0;
  virtual bool has_folder(std::string_view component) const = 0;
  // Names of the files in a component's folder, ordered; folders in it are left out.
  virtual std::vector<std::string> names(std::string_view component) const = 0;
  // What messages call a path below the root.
  virtual std::string where(const std::string& path) const = 0;
  // Tensors of a component, nullopt when its folder holds no weights. Throws Error.
  virtual std::optional<WeightFile> weights(const std::string& component) const;
  virtual bool has_weights(const std::string& component) const;
  // What the user should know of how the files were read.
  virtual std::vector<std::string> notes() const { return {}; }

 private:
  std::optional<std::string> weight_file_of(const std::string& component) const;
};

// Names that a component's weight file may have, in diffusers' order: full safetensors (one file,
// then a sharded index), full `.bin` likewise, then the fp16 variants in the same order.
const std::vector<std::string>& weight_file_names();

std::unique_ptr<ModelSource> open_folder_source(const std::filesystem::path& root);

// The folder of an archive that holds the model, with its slash: "" for the root, else the one
// folder packed with its contents. nullopt when there is no model_index.json in either.
std::optional<std::string> model_prefix(const ZipArchive& archive);

// `output.zip`, read in place: a diffusers folder at the archive's root, or in its only folder.
// nullopt when the file is no zip archive or holds no model_index.json.
std::unique_ptr<ModelSource> open_zip_source(const std::filesystem::path& path);

}  // namespace dream::weights

// The model store: a folder (`--models`, DREAM_MODELS) whose files can be asked for by name. A name
// never leads out of it, so a server may take names from clients.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dream::weights {

class ModelStore {
 public:
  explicit ModelStore(std::filesystem::path root) : root_(std::move(root)) {}

  // A file by name: `name` itself, then with a suffix of weight files (.safetensors first; of kind
  // "pictures" with one of pictures), below the store and then below its folder `kind` ("loras").
  // `name` may be a path that lies in the store. nullopt when there is none, and for every name
  // that leads elsewhere.
  std::optional<std::filesystem::path> find(std::string_view name, std::string_view kind) const;

  // A folder by its name right below the store, e.g. "safety_checker"; nullopt when there is none.
  std::optional<std::filesystem::path> find_folder(std::string_view name) const;

  // A network by its name: the folder that `dream weights pull NAME` made, if it holds a weight
  // file, else a weight file NAME right below the store. nullopt when there is neither.
  std::optional<std::filesystem::path> find_network(std::string_view name) const;

  // A whole model by its name: the diffusers folder of that name, the one checkpoint or archive in
  // it, or such a file of that name right below the store. nullopt when there is none.
  std::optional<std::filesystem::path> find_model(std::string_view name) const;
  // "the model store has no model 'x'; there are: sd-1.5"
  std::string missing_model(std::string_view name) const;

  // Why a request fails whose weights are not there, in one wording for control networks,
  // annotators and the encoder that styles need: `file` as it lies below the store
  // ("annotator-mlsd/mlsd_large_512_fp32.pth"), `pull` the name that gets it (empty: none is
  // published), `model` the model folder that was searched too (empty: none was).
  std::string missing_weights(const std::filesystem::path& file, std::string_view pull,
                              const std::filesystem::path& model = {}) const;

  // Names that find() knows, without suffix, sorted: what lies in the folder `kind`.
  std::vector<std::string> names(std::string_view kind) const;

  // "the model store PATH has no NAME; it has in loras: a, b, c"
  std::string missing(std::string_view name, std::string_view kind) const;

 private:
  std::filesystem::path root_;
};

// A reference to weights with a strength, `name@0.8`.
struct ScaledReference {
  std::string reference;
  double scale = 1.0;
};

// Split at the last '@' when a number follows it; anything else is part of the reference.
ScaledReference parse_scaled_reference(std::string_view text);

}  // namespace dream::weights

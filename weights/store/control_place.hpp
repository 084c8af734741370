// Where the network of a control lies: in the model a request draws with, else in the model store.
// The model's own come first, for they were made for it; what the store has under the same name may
// be of another architecture.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/store/model_store.hpp"

namespace dream::weights {

// The folder or the weight file of the network `name` ("controlnet-canny"). Of a model folder those
// named controlnet-… and t2i-adapter-… are looked at, laid out as in the store. nullopt when
// neither has it.
std::optional<std::filesystem::path> find_control_network(const std::filesystem::path& model,
                                                          const ModelStore& store,
                                                          std::string_view name);

// Why a request for it fails, as ModelStore::missing_weights() says it. The file is the one that is
// published under the name: its manifest lies in the folder `manifests`.
std::string missing_control_network(const std::filesystem::path& model, const ModelStore& store,
                                    const std::filesystem::path& manifests, std::string_view name);

// The names of the networks that a model folder brings, sorted; none for an archive or a file.
std::vector<std::string> own_control_networks(const std::filesystem::path& model);

}  // namespace dream::weights

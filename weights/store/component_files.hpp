// What a component's folder of a model has beside its tensors.
#pragma once

#include <filesystem>
#include <string>

#include "weights/store/model_folder.hpp"
#include "weights/store/write_tensors.hpp"

namespace dream::weights {

// The name of the component's weight file without its ending, which depends on the library that
// reads it.
std::string weight_stem(const ModelFolder& model, const std::string& component, FileFormat format);

// Copies the component's files but its weights into `folder`, which is made. Throws Error.
void copy_other_files(const ModelFolder& model, const std::string& component,
                      const std::filesystem::path& folder);

}  // namespace dream::weights

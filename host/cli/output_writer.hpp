// Puts the outputs of `dream predict` where the user wants them.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/predictions/prediction.hpp"

namespace dream::host {

class OutputWriter {
 public:
  // Makes `folder` if it is not there. Throws std::filesystem::filesystem_error if it cannot.
  explicit OutputWriter(std::filesystem::path folder);

  // A file is copied into the folder under its name and replaces what had that name, but two of one
  // prediction never share a name: the second "a.png" becomes "a-2.png". Result: what to print for
  // the item, the path of the file or the value (strings bare). Throws filesystem_error.
  std::string write(const OutputItem& item);

  // All that was written: paths and values, in order.
  const nlohmann::json& written() const { return written_; }

 private:
  std::filesystem::path free_path(const std::string& name) const;

  std::filesystem::path folder_;
  std::vector<std::filesystem::path> used_;
  nlohmann::json written_ = nlohmann::json::array();
};

}  // namespace dream::host

#include "weights/store/check_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "weights/formats/memory_map.hpp"
#include "weights/formats/zip_archive.hpp"
#include "weights/store/model_source.hpp"
#include "weights/store/single_file.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

void check(const FileBytes& bytes, const std::filesystem::path& path) {
  const std::string_view start(reinterpret_cast<const char*>(bytes.data.data()),
                               std::min<std::size_t>(bytes.data.size(), 4));
  if (start == "PK\x03\x04") {
    const auto archive = ZipArchive::open(bytes);
    if (open_zip_source(path)) return archive.verify();
  }
  std::string reason;
  try {
    if (is_single_file(path)) return;
  } catch (const Error& error) {
    reason = fmt::format(" ({})", error.what());
  }
  throw Error("it is no model: neither an output.zip (a diffusers folder with model_index.json) "
              "nor a Stable Diffusion checkpoint" + reason);
}

}  // namespace

void check_model_file(const std::filesystem::path& path) {
  FileBytes bytes = map_file(path);
  bytes.name = "it";
  try {
    check(bytes, path);
  } catch (const Error& error) {
    std::string text = error.what();
    for (auto at = text.find(path.string()); at != std::string::npos; at = text.find(path.string()))
      text.replace(at, path.string().size(), "it");
    throw Error(text);
  }
}

}  // namespace dream::weights

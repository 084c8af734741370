// Arbitrary bytes as a manifest, which `dream weights pull` also takes from a URL: no path in it
// leads out of the model's folder, whatever it says.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "weights/store/manifest.hpp"
#include "weights/tensor_view.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dream::weights;
  const auto json = nlohmann::json::parse(data, data + size, nullptr, false);
  if (json.is_discarded()) return 0;
  try {
    const Manifest manifest = parse_manifest(json, "input");
    const std::filesystem::path root = "/store/model";
    if (manifest.name.find('/') != std::string::npos || manifest.files.empty()) std::abort();
    for (const ManifestFile& file : manifest.files) {
      const auto inside = (root / file.path).lexically_normal().lexically_relative(root);
      if (inside.empty() || *inside.begin() == ".." || inside.is_absolute()) std::abort();
      if (file.sha256 && file.sha256->size() != 64) std::abort();
    }
  } catch (const Error&) {
  }
  return 0;
}

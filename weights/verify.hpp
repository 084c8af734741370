// The report behind `dream weights verify`: whether weights are whole, before anyone waits for a
// picture from them.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace dream::weights {

// Reads every tensor of `path` (a diffusers folder, output.zip, a checkpoint, a component's folder,
// any other folder with weight files, or one file). Result:
//   {"path", "ok",
//    "components": [{"name", "class", "ok", "checked": compared with the layout of its class,
//      "tensors", "missing": [names], "unexpected": [names], "wrong_shape": [texts],
//      "nan", "inf", "error": why it cannot be read, absent otherwise}],
//    "files": [{"path", "ok", "sha256", "expected"}]   of a pulled folder: against its record}
// Unexpected tensors alone are no failure: checkpoints carry buffers. Throws Error when `path`
// holds no weights at all.
nlohmann::json verify(const std::filesystem::path& path);

std::string format_verify_report(const nlohmann::json& report);

// What `pull` leaves in a model's folder: the digests of what it wrote.
inline constexpr char pull_record_name[] = ".dream-pull.json";

}  // namespace dream::weights

// The settings of a picture as text: the `parameters` line other programs read, and our own JSON.
// Nothing in it depends on when, where or beside which other pictures a picture was made, so that
// the same settings give the same bytes.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/worker/imaging/png_text.hpp"
#include "sdk/engine/engine.hpp"

namespace dream::worker::imaging {

struct PictureSettings {
  const engine::GenerateRequest& request;
  std::string template_name;
  std::string model;      // name of the weights
  std::int64_t seed = 0;  // of this picture
  int width = 0;          // pixels
  int height = 0;
  // For each control {"annotator": NAME or null, "settings": OBJECT?}: how its map was made.
  nlohmann::json control_maps = nlohmann::json::array();
  std::string resize_mode = "fill";  // how pictures were fitted, where there were any
};

// "parameters" in the form of AUTOMATIC1111's web UI, then "dream": all settings as a JSON object.
std::vector<PngText> picture_text(const PictureSettings& settings);

}  // namespace dream::worker::imaging

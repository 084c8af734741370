// Networks that steer the drawing by a picture, read from files in the layouts they are published
// in (weights/store/control_file.hpp).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/models/clip_image_processor.hpp"
#include "sdk/engine/models/clip_vision_model.hpp"
#include "sdk/engine/models/controlnet_model.hpp"
#include "sdk/engine/models/style_adapter.hpp"
#include "sdk/engine/models/t2i_adapter.hpp"
#include "sdk/engine/tensor/weights.hpp"

namespace dream::engine {

struct ControlNetControl final : ControlModel {
  ControlNetControl(ControlNetModel model, std::int64_t size)
      : net(std::move(model)), size_bytes(size) {}
  ControlKind kind() const override { return ControlKind::controlnet; }
  std::int64_t bytes() const override { return size_bytes; }

  ControlNetModel net;
  std::int64_t size_bytes;
};

struct AdapterControl final : ControlModel {
  AdapterControl(T2IAdapter model, std::int64_t size)
      : adapter(std::move(model)), size_bytes(size) {}
  ControlKind kind() const override { return ControlKind::adapter; }
  std::int64_t bytes() const override { return size_bytes; }

  T2IAdapter adapter;
  std::int64_t size_bytes;
};

// With the vision encoder it was trained on.
struct StyleControl final : ControlModel {
  StyleControl(StyleAdapter model, CLIPVisionModel encoder, CLIPImageProcessor picture_processor,
               std::int64_t size)
      : adapter(std::move(model)),
        vision(std::move(encoder)),
        processor(picture_processor),
        size_bytes(size) {}
  ControlKind kind() const override { return ControlKind::style_adapter; }
  std::int64_t bytes() const override { return size_bytes; }

  StyleAdapter adapter;
  CLIPVisionModel vision;
  CLIPImageProcessor processor;
  std::int64_t size_bytes;
};

// `clip_vision` as EngineOptions says. Throws std::runtime_error naming file and key or tensor.
std::shared_ptr<const ControlModel> load_control_model(const std::filesystem::path& path,
                                                       const std::filesystem::path& clip_vision,
                                                       const Compute& compute, const Warn& warn);

}  // namespace dream::engine

#include "sdk/engine/training/save_trained.hpp"

#include <map>
#include <string>

#include "sdk/engine/training/save_lora.hpp"
#include "sdk/engine/training/save_model.hpp"

namespace dream::engine {
namespace {

std::map<std::string, LoraMatrices> matrices(const LoraLayers& layers, double alpha) {
  std::map<std::string, LoraMatrices> all;
  for (const auto& [name, factors] : layers)
    all.emplace(name, LoraMatrices{.down = factors.down.detach(),
                                   .up = factors.up.detach(),
                                   .magnitude = factors.magnitude.defined()
                                                    ? factors.magnitude.detach()
                                                    : at::Tensor(),
                                   .alpha = alpha});
  return all;
}

// In the shapes of the files: a 1x1 convolution is trained as a matrix.
TrainedTensors by_component(const TrainedModel& model) {
  const auto unet = model.parts().unet_weights.shapes();
  const auto text_encoder = model.parts().text_encoder_weights.shapes();
  TrainedTensors trained;
  for (const auto& [full_name, value] : model.parameters()) {
    const auto dot = full_name.find('.');
    const auto component = full_name.substr(0, dot), name = full_name.substr(dot + 1);
    const auto& shape = (component == "unet" ? unet : text_encoder).at(name);
    trained[component].emplace(name, value.detach().reshape(shape));
  }
  return trained;
}

}  // namespace

void save_trained(const TrainRequest& request, const TrainedModel& model) {
  if (request.lora) {
    const TrainedLora lora{matrices(model.unet_layers(), request.lora->alpha),
                           matrices(model.text_encoder_layers(), request.lora->alpha)};
    save_lora(lora, request.output / "pytorch_lora_weights.safetensors");
    save_kohya_lora(lora, request.output / "pytorch_lora_weights_kohya.safetensors");
    return;
  }
  const auto notes = save_model(model.folder(), by_component(model), request.output,
                                request.weights_format);
  for (const auto& line : notes) request.on_log(line);
}

}  // namespace dream::engine

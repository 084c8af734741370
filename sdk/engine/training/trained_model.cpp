#include "sdk/engine/training/trained_model.hpp"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <utility>

#include "sdk/engine/pipeline/model_loader.hpp"

namespace dream::engine {
namespace {

using Log = std::function<void(const std::string&)>;

weights::ModelFolder open_base(const std::filesystem::path& base,
                               const std::filesystem::path& vocabulary, const Log& log) {
  weights::SingleFileOptions options;
  options.vocabulary = vocabulary;
  auto folder = weights::ModelFolder::open(base, options);
  for (const auto& note : folder.notes()) log(note);
  return folder;
}

Weights read_weights(const weights::ModelFolder& folder, const std::string& component,
                     const Compute& compute) {
  return {folder.read(component).tensors, component, compute};
}

Config config_of(const weights::ModelFolder& folder, const std::string& component) {
  return {folder.config(component), component + "/config.json"};
}

// Adapters are laid beside the layers as the model is made, so they are made before it.
Weights with_lora(const Weights& weights, const std::vector<std::string>& targets,
                  const std::string& input, const LoraTraining& settings, at::Generator& first,
                  const at::Generator& steps, LoraLayers& layers) {
  layers = make_lora_layers(weights, targets, input, settings, first);
  return weights.with_adapters(adapters_of(layers, settings, steps));
}

void add_leaves(Parameters& parameters, const std::string& component, const Weights& weights) {
  for (auto& [name, tensor] : weights.held())
    parameters.push_back({component + '.' + name, tensor.requires_grad_(true)});
}

void add_leaves(Parameters& parameters, const std::string& component, const LoraLayers& layers) {
  for (const auto& [name, factors] : layers) {
    parameters.push_back({fmt::format("{}.{}.down", component, name), factors.down});
    parameters.push_back({fmt::format("{}.{}.up", component, name), factors.up});
    if (factors.magnitude.defined())
      parameters.push_back({fmt::format("{}.{}.magnitude", component, name), factors.magnitude});
  }
}

}  // namespace

TrainedModel::TrainedModel(const TrainRequest& request, const std::filesystem::path& vocabulary,
                           Compute compute, at::Generator first, const at::Generator& steps)
    : folder_(open_base(request.base, vocabulary, request.on_log)), parts_([&] {
        const at::NoGradGuard unrecorded;
        const Log& log = request.on_log;
        auto drawing = compute;  // the VAE is not trained
        compute.pack = false;
        auto unet_weights = read_weights(folder_, "unet", compute);
        auto text_weights = read_weights(folder_, "text_encoder", compute);
        if (request.lora) {
          const auto& lora = *request.lora;
          unet_weights = with_lora(unet_weights, lora.unet_targets, "unet_targets", lora, first,
                                   steps, unet_layers_);
          if (request.train_text_encoder)
            text_weights = with_lora(text_weights, lora.text_encoder_targets,
                                     "text_encoder_targets", lora, first, steps,
                                     text_encoder_layers_);
        }
        const UNet2DConditionModel unet(read_unet_config(config_of(folder_, "unet"), log),
                                        unet_weights);
        const CLIPTextModel text_encoder(
            read_text_encoder_config(config_of(folder_, "text_encoder"), log), text_weights);
        const AutoencoderKL vae(read_autoencoder_config(config_of(folder_, "vae"), log),
                                read_weights(folder_, "vae", drawing));
        return Components{.tokenizer = read_tokenizer(folder_),
                          .text_encoder = text_encoder,
                          .unet = unet,
                          .vae = vae,
                          .text_encoder_weights = text_weights,
                          .unet_weights = unet_weights,
                          .scheduler = corrected_scheduler_config(folder_.config("scheduler")),
                          .safety_checker = nullptr,
                          .compute = compute};
      }()) {
  check_fit(parts_);
  if (parts_.is_inpainting())
    throw InvalidInput(fmt::format("{}: its UNet is made for inpainting, which is not trained here",
                                   request.base.string()));
  if (parts_.has_built_in_guidance())
    throw InvalidInput(fmt::format(
        "{}: its UNet was distilled (time_cond_proj_dim); train the model it was distilled from",
        request.base.string()));
  if (request.lora) {
    add_leaves(parameters_, "unet", unet_layers_);
    add_leaves(parameters_, "text_encoder", text_encoder_layers_);
    return;
  }
  add_leaves(parameters_, "unet", parts_.unet_weights);
  if (request.train_text_encoder)
    add_leaves(parameters_, "text_encoder", parts_.text_encoder_weights);
}

}  // namespace dream::engine

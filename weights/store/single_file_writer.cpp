#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "weights/formats/text.hpp"
#include "weights/models/layout.hpp"
#include "weights/models/original_names.hpp"
#include "weights/models/vae_names.hpp"
#include "weights/store/model_folder.hpp"

namespace dream::weights {
namespace {

using nlohmann::json;

// Collects a component's tensors under their original names.
class Collector {
 public:
  Collector(const ModelFolder& model, std::string component, std::string class_name,
            std::map<std::string, JoinedTensor>& all)
      : all_(all),
        where_(model.where(component)),
        config_(model.config(component)),
        tensors_(model.weights(component)),
        layout_(layout_of(class_name, config_)) {}

  const json& config() const { return config_; }

  template <typename Original>
  void add(std::string_view prefix, const Original& original) {
    for (const TensorShape& tensor : layout_) {
      const OriginalTensor target = original(tensor.name);
      JoinedTensor& joined = all_[std::string(prefix) + target.name];
      const TensorView view = take(tensor);
      if (joined.parts.empty()) {
        joined.dtype = view.dtype;
        joined.shape = view.shape;
      } else {
        joined.shape[0] += view.shape[0];
        if (view.dtype != joined.dtype)
          throw Error(fmt::format("{}: '{}' is {}, but {} where it is joined", where_, tensor.name,
                                  to_string(view.dtype), to_string(joined.dtype)));
      }
      joined.parts.push_back(view);
    }
  }

  void note_rest(std::vector<std::string>& notes) const {
    WeightMap rest = tensors_;
    std::erase_if(rest, [](const auto& entry) { return entry.first.ends_with(".position_ids"); });
    if (!rest.empty())
      notes.push_back(fmt::format("{}: {} tensors have no place in a single file and were left "
                                  "out, the first is '{}'",
                                  where_, rest.size(), printable(rest.begin()->first)));
  }

 private:
  TensorView take(const TensorShape& tensor) {
    auto node = tensors_.extract(tensor.name);
    if (node.empty()) node = tensors_.extract(old_vae_name(tensor.name));
    if (node.empty())
      throw Error(fmt::format("{}: lacks the tensor '{}'", where_, tensor.name));
    TensorView view = std::move(node.mapped());
    std::vector<std::int64_t> sizes = view.shape;
    while (sizes.size() > tensor.shape.size() && sizes.back() == 1) sizes.pop_back();
    if (sizes != tensor.shape)
      throw Error(fmt::format("{}: '{}' has the shape {}, expected {}", where_, tensor.name,
                              json(view.shape).dump(), json(tensor.shape).dump()));
    view.shape = tensor.shape;
    return view;
  }

  std::map<std::string, JoinedTensor>& all_;
  std::string where_;
  json config_;
  WeightMap tensors_;
  std::vector<TensorShape> layout_;
};

bool is_vae_attention_weight(const std::string& name) {
  return name.find(".mid.attn_1.") != std::string::npos && name.ends_with(".weight") &&
         !name.ends_with(".norm.weight");
}

}  // namespace

std::vector<JoinedTensor> to_single_file(const ModelFolder& model,
                                         std::vector<std::string>& notes) {
  std::map<std::string, JoinedTensor> all;
  Collector unet(model, "unet", "UNet2DConditionModel", all);
  unet.add(original_unet_prefix, [&](const std::string& name) {
    return OriginalTensor{original_unet_name(name, unet.config())};
  });
  unet.note_rest(notes);

  Collector vae(model, "vae", "AutoencoderKL", all);
  vae.add(original_vae_prefix, [&](const std::string& name) {
    return OriginalTensor{original_vae_name(name, vae.config())};
  });
  vae.note_rest(notes);

  Collector text(model, "text_encoder", "CLIPTextModel", all);
  if (text.config().value("hidden_act", "quick_gelu") == "gelu") {  // OpenCLIP, version 2
    text.add(original_open_clip_prefix, original_open_clip_name);
  } else {
    text.add(original_clip_prefix, [](const std::string& name) { return OriginalTensor{name}; });
  }
  text.note_rest(notes);

  std::vector<JoinedTensor> tensors;
  for (auto& [name, joined] : all) {
    joined.name = name;
    if (name.starts_with(original_vae_prefix) && is_vae_attention_weight(name))
      joined.shape.insert(joined.shape.end(), {1, 1});  // a 1x1 convolution there
    tensors.push_back(std::move(joined));
  }
  return tensors;
}

}  // namespace dream::weights

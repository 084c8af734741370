#include "sdk/engine/adapters/embedding_file.hpp"

#include <ATen/ops/isfinite.h>
#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "sdk/engine/tensor/weights.hpp"
#include "weights/detect_kind.hpp"
#include "weights/store/overlay_file.hpp"

namespace dream::engine {
namespace {

constexpr std::string_view web_ui_prefix = "string_to_param.";

[[noreturn]] void fail(const WeightOverlay& file, const std::string& problem) {
  throw InvalidInput(fmt::format("embedding \"{}\" ({}): {}", file.name,
                                 file.file.filename().string(), problem));
}

weights::OverlayFile read_file(const WeightOverlay& file) {
  try {
    return weights::read_overlay_file(file.file);
  } catch (const weights::Error& error) {
    fail(file, fmt::format("cannot be read: {}", error.what()));
  }
}

struct Found {
  std::string token;
  weights::TensorView tensor;
};

Found find(const WeightOverlay& file, const weights::OverlayFile& content) {
  std::optional<Found> found;
  int others = 0;
  for (const auto& [key, view] : content.tensors) {
    if (key.starts_with("string_to_token")) continue;
    if (key.starts_with(web_ui_prefix)) {
      const auto name = content.texts.find("name");
      found = {name == content.texts.end() ? file.name : name->second, view};
    } else if (content.tensors.size() == 1) {
      // Names that say nothing: other programs', and that of a bare tensor.
      const bool nameless = key == "emb_params" || key == "*" || key == "tensor";
      found = {nameless ? file.name : key, view};
    } else {
      ++others;
    }
  }
  if (found && others == 0) return *std::move(found);
  if (content.tensors.contains("clip_g"))
    fail(file, "is an embedding for Stable Diffusion XL, which has two text encoders");
  const auto kind = weights::detect_kind(content.tensors);
  fail(file, kind.kind == "unknown"
                 ? fmt::format("is no textual inversion: it holds {} tensors of no known layout",
                               content.tensors.size())
                 : fmt::format("is no textual inversion: it holds a {}", kind.label()));
}

}  // namespace

EmbeddingFile EmbeddingFile::read(const WeightOverlay& file, std::int64_t width,
                                  std::int64_t most) {
  auto [token, view] = find(file, read_file(file));
  const auto& shape = view.shape;
  if (shape.empty() || shape.size() > 2 || shape.front() == 0)
    fail(file, fmt::format("holds a tensor of {} dimensions, not one or a list of vectors",
                           shape.size()));
  if (shape.back() != width) {
    fail(file, fmt::format("its vectors have {} numbers, but this model's text encoder takes {}: "
                           "it was made for another model",
                           shape.back(), width));
  }
  const auto vectors = read_tensor(view).to(at::kFloat).reshape({-1, width});
  if (vectors.size(0) > most)
    fail(file, fmt::format("holds {} vectors: at most {} fit a prompt", vectors.size(0), most));
  if (!at::isfinite(vectors).all().item<bool>()) fail(file, "holds values that are not finite");
  if (token.find_first_not_of(" \t\r\n") == std::string::npos)
    fail(file, "has no name to call it by");
  return {token, vectors};
}

}  // namespace dream::engine

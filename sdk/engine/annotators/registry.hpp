// The networks of annotators by name. One per file; to add one, write it and give it a line in
// registry.cpp.
#pragma once

#include <memory>
#include <string_view>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/tensor/weights.hpp"

namespace dream::engine {

// Throws std::runtime_error: for an unknown name one that names those that exist, else one that
// names file and tensor.
std::shared_ptr<const AnnotatorNetwork> make_annotator_network(std::string_view network,
                                                               const std::filesystem::path& weights,
                                                               const Compute& compute,
                                                               const Warn& warn);

using MakeAnnotatorNetwork = std::shared_ptr<const AnnotatorNetwork>(
    const std::filesystem::path& weights, const Compute& compute, const Warn& warn);

MakeAnnotatorNetwork load_hed;
MakeAnnotatorNetwork load_controlnet_hed;
MakeAnnotatorNetwork load_pidinet;
MakeAnnotatorNetwork load_lineart;
MakeAnnotatorNetwork load_lineart_anime;
MakeAnnotatorNetwork load_mlsd;
MakeAnnotatorNetwork load_midas;
MakeAnnotatorNetwork load_normalbae;
MakeAnnotatorNetwork load_upernet;
MakeAnnotatorNetwork load_openpose_body, load_openpose_hand, load_openpose_face;  // openpose.cpp

}  // namespace dream::engine

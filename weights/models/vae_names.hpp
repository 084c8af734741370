// A VAE's attention was saved under other names before diffusers 0.17, which later ones still read.
#pragma once

#include <string>

namespace dream::weights {

// "….attentions.0.to_q.weight" <-> "….attentions.0.query.weight"; other names stay as they are.
std::string current_vae_name(std::string name);
std::string old_vae_name(std::string name);

}  // namespace dream::weights

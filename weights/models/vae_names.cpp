#include "weights/models/vae_names.hpp"

#include <array>
#include <string_view>

namespace dream::weights {
namespace {

struct Renamed {
  std::string_view old, now;
};

constexpr std::array<Renamed, 4> renamed = {{{".query.", ".to_q."},
                                             {".key.", ".to_k."},
                                             {".value.", ".to_v."},
                                             {".proj_attn.", ".to_out.0."}}};

std::string replaced(std::string name, std::string_view Renamed::*from,
                     std::string_view Renamed::*to) {
  for (const Renamed& layer : renamed) {
    const std::size_t at = name.find(layer.*from);
    if (at != std::string::npos) return name.replace(at, (layer.*from).size(), layer.*to);
  }
  return name;
}

}  // namespace

std::string current_vae_name(std::string name) {
  return replaced(std::move(name), &Renamed::old, &Renamed::now);
}

std::string old_vae_name(std::string name) {
  return replaced(std::move(name), &Renamed::now, &Renamed::old);
}

}  // namespace dream::weights

// How the Cog API is to behave, where there is a choice.
#pragma once

#include <string>

#include "host/downloads/address_rule.hpp"

namespace dream::host {

struct CogOptions {
  // As Cog's first, Python server where the two contradict each other: `--compat legacy`. See
  // docs/compatibility.md for the list.
  bool legacy = false;
  // Both /predictions and /trainings run the trainer: `--x-mode train`.
  bool train_mode = false;
  // Files of outputs are put below this URL: `--upload-url`. Empty: they are data URLs in bodies.
  std::string upload_url = {};
  // Where a client may have the server connect to.
  AddressRule client_addresses = AddressRule::any;
};

}  // namespace dream::host

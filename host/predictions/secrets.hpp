// Keeps the values of secret inputs inside the host and the worker: what the outside sees of a
// prediction is masked here, before any observer exists.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace dream::host {

inline constexpr char secret_mask[] = "**********";

// `input` with every value of a secret input replaced by the mask; null stays null. `schema` is a
// SCHEMA object of protocol.hpp, or the "train" part of one. What is not an object is unchanged.
nlohmann::json mask_secrets(const nlohmann::json& schema, nlohmann::json input);

// The texts of the secret inputs. Those under 4 bytes are left out: as parts of other words they
// say nothing, and to replace them would spoil every log.
std::vector<std::string> secret_values(const nlohmann::json& schema, const nlohmann::json& input);

// `text` with every occurrence of `secrets` replaced by the mask.
std::string without_secrets(std::string_view text, const std::vector<std::string>& secrets);

}  // namespace dream::host

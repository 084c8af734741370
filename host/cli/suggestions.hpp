// "Did you mean …": the closest of the names that exist.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dream::host {

// Up to three of `names` that a typing error may have turned into `name`, the closest first.
std::vector<std::string> closest_names(std::string_view name,
                                       const std::vector<std::string>& names);

}  // namespace dream::host

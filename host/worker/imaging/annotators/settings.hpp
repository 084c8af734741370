// An annotator's options, read from its settings: each is asked for by name with its default and
// limits, and what nobody asked for is refused.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace dream::worker::imaging {

class Settings {
 public:
  // Throws engine::InvalidInput unless `json` is an object or null (no options).
  Settings(std::string_view annotator, const nlohmann::json& json);

  // Throws engine::InvalidInput naming option, value and limits.
  double number(const char* option, double otherwise, double lowest, double highest);

  // After the last option: throws engine::InvalidInput for one that is not known.
  void finish() const;

 private:
  std::string annotator_;
  const nlohmann::json& json_;
  std::vector<std::string> known_;
};

}  // namespace dream::worker::imaging

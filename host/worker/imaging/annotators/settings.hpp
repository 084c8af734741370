// An annotator's options as one request sets them, checked against their declaration: a wrong value
// and a name nobody declared are refused at once, the rest has its default.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "host/worker/imaging/annotators/option.hpp"

namespace dream::worker::imaging {

class Settings {
 public:
  // `json` is an object of options, or null for none. Throws engine::InvalidInput naming option,
  // value and what is allowed.
  Settings(std::string_view annotator, std::span<const AnnotatorOption> options,
           const nlohmann::json& json);

  // Of an option declared with this type; anything else is a mistake of the caller (logic_error).
  bool flag(std::string_view option) const { return get<bool>(option); }
  int integer(std::string_view option) const {
    return static_cast<int>(get<std::int64_t>(option));
  }
  double number(std::string_view option) const { return get<double>(option); }
  std::string_view choice(std::string_view option) const { return get<std::string_view>(option); }

 private:
  using Value = decltype(AnnotatorOption::fallback);

  template <typename T>
  T get(std::string_view option) const {
    return std::get<T>(values_.at(option));
  }

  std::map<std::string_view, Value> values_;
};

}  // namespace dream::worker::imaging

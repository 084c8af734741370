// A scheduler_config.json as one scheduler class reads it. Such a file is often written by another
// class than the one that runs, so values are looked up by key with the running class's defaults.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dream::engine {

class SchedulerConfig {
 public:
  // Keys no scheduler of diffusers 0.42.1 takes are refused when they hold a value; null and false
  // pass. Keys listed under `_use_default_values` count as absent, as in diffusers' from_config.
  // Throws std::runtime_error.
  SchedulerConfig(std::string scheduler, const nlohmann::json& config);

  // The value of `key`; `fallback` when it is absent or null. Each throws std::runtime_error that
  // names scheduler, key, value and what is allowed.
  bool flag(const char* key, bool fallback) const;
  int integer(const char* key, int fallback, int lowest, int highest) const;
  double number(const char* key, double fallback, double lowest, double highest) const;
  std::string choice(const char* key, const char* fallback,
                     const std::vector<std::string_view>& allowed) const;
  std::optional<std::vector<double>> numbers(const char* key) const;

  // Throws unless the value is absent, null or false: for what this project does not compute.
  void refuse(const char* key) const;

 private:
  const nlohmann::json* find(const char* key) const;  // nullptr when absent or null
  [[noreturn]] void fail(const char* key, const nlohmann::json& value,
                         const std::string& allowed) const;

  std::string scheduler_;
  nlohmann::json values_;
};

}  // namespace dream::engine

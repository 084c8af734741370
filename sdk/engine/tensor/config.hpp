// A component's config.json with every key accounted for: a reader asks for the keys it supports,
// and finish() turns what is left over into errors (set values) or warnings (null and false), so
// that no setting of a model is ever dropped in silence.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace dream::engine {

using Warn = std::function<void(const std::string&)>;

// Readers treat null like an absent key and throw std::runtime_error, naming key and file, when a
// value has the wrong type or an absent key has no fallback.
class Config {
 public:
  // `file` is only used in messages, e.g. "unet/config.json".
  Config(nlohmann::json values, std::string file);

  bool has(const std::string& key);      // present and not null
  bool is_null(const std::string& key);  // present and null
  std::int64_t integer(const std::string& key);
  std::int64_t integer(const std::string& key, std::int64_t fallback);
  double number(const std::string& key, double fallback);
  bool flag(const std::string& key, bool fallback);
  std::string text(const std::string& key, const std::string& fallback);
  // A config within this one, accounted for by its own finish(); an absent key gives an empty one.
  Config object(const std::string& key);
  bool is_object(const std::string& key);
  // Lists; an absent key gives an empty one.
  std::vector<std::int64_t> integers(const std::string& key);
  std::vector<double> numbers(const std::string& key);
  std::vector<std::string> texts(const std::string& key);

  // One value for all blocks or a list with one for each.
  std::vector<std::int64_t> integer_per_block(const std::string& key, std::size_t blocks,
                                              std::int64_t fallback);
  std::vector<bool> flag_per_block(const std::string& key, std::size_t blocks, bool fallback);
  // As above, where a block's entry may itself be a list with one value per layer. An entry of
  // size one counts for all layers of its block.
  std::vector<std::vector<std::int64_t>> layers_per_block(const std::string& key,
                                                          std::size_t blocks,
                                                          std::int64_t fallback);

  // The key may only have this value (or be absent or null): all that is supported of it.
  void only(const std::string& key, const nlohmann::json& supported);
  // Keys that say nothing about how to compute.
  void ignore(std::initializer_list<const char*> keys);
  // Reports the keys nobody asked for; those that begin with '_' are remarks of the writer.
  void finish(const Warn& warn) const;

  const std::string& file() const { return file_; }
  [[noreturn]] void fail(const std::string& key, const std::string& problem) const;

 private:
  const nlohmann::json* find(const std::string& key);

  nlohmann::json values_;
  std::string file_;
  std::set<std::string> seen_;
};

}  // namespace dream::engine

#include "sdk/engine/tensor/config.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace dream::engine {
namespace {

constexpr std::int64_t max_integer = 1 << 24;  // far above any width or layer count

bool is_harmless(const nlohmann::json& value) {
  return value.is_null() || (value.is_boolean() && !value.get<bool>());
}

std::int64_t to_integer(const Config& config, const std::string& key, const nlohmann::json& value) {
  if (!value.is_number_integer()) config.fail(key, fmt::format("{} is no integer", value.dump()));
  const auto number = value.get<std::int64_t>();
  if (number < -max_integer || number > max_integer) {
    config.fail(key, fmt::format("{} is out of range", number));
  }
  return number;
}

void check_blocks(const Config& config, const std::string& key, std::size_t found,
                  std::size_t blocks) {
  if (found != blocks) {
    config.fail(key, fmt::format("has {} entries, the model has {} blocks", found, blocks));
  }
}

}  // namespace

Config::Config(nlohmann::json values, std::string file)
    : values_(std::move(values)), file_(std::move(file)) {
  if (!values_.is_object()) throw std::runtime_error(fmt::format("{}: no JSON object", file_));
}

void Config::fail(const std::string& key, const std::string& problem) const {
  throw std::runtime_error(fmt::format("{}: \"{}\" {}", file_, key, problem));
}

const nlohmann::json* Config::find(const std::string& key) {
  seen_.insert(key);
  const auto found = values_.find(key);
  return found == values_.end() || found->is_null() ? nullptr : &*found;
}

bool Config::has(const std::string& key) {
  return find(key) != nullptr;
}

bool Config::is_null(const std::string& key) {
  return !find(key) && values_.contains(key);
}

std::int64_t Config::integer(const std::string& key) {
  const auto* value = find(key);
  if (!value) fail(key, "is missing");
  return to_integer(*this, key, *value);
}

std::int64_t Config::integer(const std::string& key, std::int64_t fallback) {
  const auto* value = find(key);
  return value ? to_integer(*this, key, *value) : fallback;
}

double Config::number(const std::string& key, double fallback) {
  const auto* value = find(key);
  if (!value) return fallback;
  if (!value->is_number()) fail(key, fmt::format("{} is no number", value->dump()));
  return value->get<double>();
}

bool Config::flag(const std::string& key, bool fallback) {
  const auto* value = find(key);
  if (!value) return fallback;
  if (!value->is_boolean()) fail(key, fmt::format("{} is neither true nor false", value->dump()));
  return value->get<bool>();
}

std::string Config::text(const std::string& key, const std::string& fallback) {
  const auto* value = find(key);
  if (!value) return fallback;
  if (!value->is_string()) fail(key, fmt::format("{} is no string", value->dump()));
  return value->get<std::string>();
}

bool Config::is_object(const std::string& key) {
  const auto* value = find(key);
  return value && value->is_object();
}

Config Config::object(const std::string& key) {
  const auto* value = find(key);
  if (value && !value->is_object()) fail(key, fmt::format("{} is no object", value->dump()));
  return {value ? *value : nlohmann::json::object(), fmt::format("{}: {}", file_, key)};
}

std::vector<std::int64_t> Config::integers(const std::string& key) {
  std::vector<std::int64_t> list;
  const auto* value = find(key);
  if (!value) return list;
  if (!value->is_array()) fail(key, fmt::format("{} is no list", value->dump()));
  for (const auto& entry : *value) list.push_back(to_integer(*this, key, entry));
  return list;
}

std::vector<double> Config::numbers(const std::string& key) {
  std::vector<double> list;
  const auto* value = find(key);
  if (!value) return list;
  if (!value->is_array()) fail(key, fmt::format("{} is no list", value->dump()));
  for (const auto& entry : *value) {
    if (!entry.is_number()) fail(key, fmt::format("holds {}, which is no number", entry.dump()));
    list.push_back(entry.get<double>());
  }
  return list;
}

std::vector<std::string> Config::texts(const std::string& key) {
  std::vector<std::string> list;
  const auto* value = find(key);
  if (!value) return list;
  if (!value->is_array()) fail(key, fmt::format("{} is no list", value->dump()));
  for (const auto& entry : *value) {
    if (!entry.is_string()) fail(key, fmt::format("holds {}, which is no string", entry.dump()));
    list.push_back(entry.get<std::string>());
  }
  return list;
}

std::vector<std::int64_t> Config::integer_per_block(const std::string& key, std::size_t blocks,
                                                    std::int64_t fallback) {
  const auto* value = find(key);
  if (!value || !value->is_array()) return std::vector(blocks, integer(key, fallback));
  auto list = integers(key);
  check_blocks(*this, key, list.size(), blocks);
  return list;
}

std::vector<bool> Config::flag_per_block(const std::string& key, std::size_t blocks,
                                         bool fallback) {
  const auto* value = find(key);
  if (!value || !value->is_array()) return std::vector(blocks, flag(key, fallback));
  check_blocks(*this, key, value->size(), blocks);
  std::vector<bool> list;
  for (const auto& entry : *value) {
    if (!entry.is_boolean()) fail(key, fmt::format("holds {}, not true or false", entry.dump()));
    list.push_back(entry.get<bool>());
  }
  return list;
}

std::vector<std::vector<std::int64_t>> Config::layers_per_block(const std::string& key,
                                                                std::size_t blocks,
                                                                std::int64_t fallback) {
  const auto* value = find(key);
  if (!value || !value->is_array()) return {blocks, std::vector{integer(key, fallback)}};
  check_blocks(*this, key, value->size(), blocks);
  std::vector<std::vector<std::int64_t>> list;
  for (const auto& entry : *value) {
    auto& layers = list.emplace_back();
    if (!entry.is_array()) {
      layers.push_back(to_integer(*this, key, entry));
      continue;
    }
    for (const auto& layer : entry) layers.push_back(to_integer(*this, key, layer));
    if (layers.empty()) fail(key, "has an empty list for a block");
  }
  return list;
}

void Config::only(const std::string& key, const nlohmann::json& supported) {
  const auto* value = find(key);
  if (!value || *value == supported) return;
  fail(key, supported.is_null()
                ? fmt::format("is {}: this is not supported", value->dump())
                : fmt::format("is {}: only {} is supported", value->dump(), supported.dump()));
}

void Config::ignore(std::initializer_list<const char*> keys) {
  for (const char* key : keys) seen_.insert(key);
}

void Config::finish(const Warn& warn) const {
  for (const auto& [key, value] : values_.items()) {
    if (seen_.count(key) || key.starts_with("_")) continue;
    if (!is_harmless(value)) {
      fail(key, fmt::format("is unknown and set to {}: the model may need it", value.dump()));
    }
    if (warn) warn(fmt::format("{}: unknown key \"{}\" ({}) ignored", file_, key, value.dump()));
  }
}

}  // namespace dream::engine

#include "host/platform/catalogue.hpp"

#include <stdexcept>
#include <utility>

#include "host/base/text.hpp"

namespace dream::host {
namespace {

using Aliases = std::map<std::string, std::string>;

// Ids, or what is known of their beginnings, that clients of the Dreambooth API have in their code.
const Aliases known_trainers{{"cd3f925f", "dreambooth"}, {"9c41656f", "dreambooth"},
                             {"d5e05860", "dreambooth"}, {"a8ba568d", "dreambooth"},
                             {"e08aad94", "dreambooth"}};
const Aliases known_templates{{"0f5cfc3e", "controlnet-openpose"},
                              {"2e2e7231", "controlnet-openpose"},
                              {"b65d36e3", "controlnet-normal"},
                              {"3c60cbfc", "controlnet-canny"},
                              {"bef0803b", "controlnet-hed"},
                              {"346b487d", "controlnet-scribble"},
                              {"a0266713", "controlnet-seg"},
                              {"141b8753", "controlnet-openpose"},
                              {"6cf8fc43", "controlnet-depth"},
                              {"04982e9a", "controlnet-mlsd"},
                              {"5e917c39", "vanilla"}};

bool is_version_id(std::string_view text) {
  return text.size() >= 8 && text.size() <= 64 && is_lower_hex(text);
}

std::pair<std::string, std::string> split_pair(const std::string& text, const char* form) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    throw std::invalid_argument("'" + text + "' has not the form " + form);
  return {text.substr(0, equals), text.substr(equals + 1)};
}

template <typename Map>
const typename Map::mapped_type* find_in(const Map& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

template <typename Map>
std::vector<std::string> keys_of(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& entry : map) keys.push_back(entry.first);
  return keys;
}

// Of "owner/name:id" the id.
std::string id_of(const std::string& version) {
  const std::size_t colon = version.rfind(':');
  return colon == std::string::npos ? version : version.substr(colon + 1);
}

}  // namespace

void Catalogue::add_trainer(const std::string& text) {
  auto [name, where] = split_pair(text, "NAME=URL or NAME=template:TEMPLATE");
  Trainer trainer{name, "", ""};
  const std::string prefix = "template:";
  if (where.starts_with(prefix) && where.size() > prefix.size()) {
    trainer.template_name = where.substr(prefix.size());
  } else if (where.starts_with("http://") || where.starts_with("https://")) {
    while (where.ends_with('/')) where.pop_back();
    trainer.url = where;
  } else {
    throw std::invalid_argument("'" + text + "': a trainer is an http or https URL of a Cog "
                                "server, or template:TEMPLATE");
  }
  add_trainer(std::move(trainer));
}

void Catalogue::add_template(const std::string& text) {
  const auto [name, image] = split_pair(text, "NAME=IMAGE");
  templates_[name] = {name, image};
}

void Catalogue::add_alias(const std::string& text) {
  const auto [version, name] = split_pair(text, "VERSION=NAME");
  if (!is_version_id(version))
    throw std::invalid_argument("'" + text + "': a version id has 8 to 64 digits of 0-9a-f");
  aliases_[version] = name;
}

std::optional<std::string> Catalogue::alias_of(const std::string& version,
                                               const Aliases& known) const {
  const std::string id = id_of(version);
  if (!is_version_id(id)) return std::nullopt;
  for (const Aliases* aliases : {&aliases_, &known}) {
    for (const auto& [prefix, name] : *aliases) {
      if (id.starts_with(prefix)) return name;
    }
  }
  return std::nullopt;
}

const Trainer* Catalogue::trainer(const std::optional<std::string>& version) const {
  if (!version) return trainer_named(default_trainer);
  if (const Trainer* named = trainer_named(*version)) return named;
  const auto alias = alias_of(*version, known_trainers);
  return alias ? trainer_named(*alias) : nullptr;
}

const TemplateImage* Catalogue::template_image(const std::optional<std::string>& version) const {
  if (!version) return template_named(default_template);
  if (const TemplateImage* named = template_named(*version)) return named;
  const auto alias = alias_of(*version, known_templates);
  return alias ? template_named(*alias) : nullptr;
}

const Trainer* Catalogue::trainer_named(const std::string& name) const {
  return find_in(trainers_, name);
}

const TemplateImage* Catalogue::template_named(const std::string& name) const {
  return find_in(templates_, name);
}

std::vector<std::string> Catalogue::trainer_names() const {
  return keys_of(trainers_);
}

std::vector<std::string> Catalogue::template_names() const {
  return keys_of(templates_);
}

}  // namespace dream::host

// Which trainers and templates the platform has, and by which version ids clients know them. The
// ids of Replicate's own trainers and templates, which clients have in their code, mean ours.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dream::host {

struct Trainer {
  std::string name;
  std::string url;            // of a Cog server; empty: `template_name` on this machine
  std::string template_name;  // of `dream serve`
};

struct TemplateImage {
  std::string name;
  std::string image;  // as `dream build --template` takes it
};

class Catalogue {
 public:
  static constexpr char default_trainer[] = "dreambooth";
  static constexpr char default_template[] = "vanilla";

  // "NAME=URL" or "NAME=template:TEMPLATE". Throws std::invalid_argument naming the text.
  void add_trainer(const std::string& text);
  void add_trainer(Trainer trainer) { trainers_[trainer.name] = std::move(trainer); }
  // "NAME=IMAGE".
  void add_template(const std::string& text);
  // "VERSION=NAME": a version id, or the beginning of one (8 digits at least), of a trainer or
  // template.
  void add_alias(const std::string& text);

  // By name, or by version id, alone or as "owner/name:id"; nothing: the default one. Null if
  // there is none such.
  const Trainer* trainer(const std::optional<std::string>& version) const;
  const TemplateImage* template_image(const std::optional<std::string>& version) const;
  // The same by name alone.
  const Trainer* trainer_named(const std::string& name) const;
  const TemplateImage* template_named(const std::string& name) const;

  std::vector<std::string> trainer_names() const;
  std::vector<std::string> template_names() const;

 private:
  std::optional<std::string> alias_of(const std::string& version,
                                      const std::map<std::string, std::string>& known) const;

  std::map<std::string, Trainer> trainers_;
  std::map<std::string, TemplateImage> templates_;
  std::map<std::string, std::string> aliases_;  // the user's, of both kinds
};

}  // namespace dream::host

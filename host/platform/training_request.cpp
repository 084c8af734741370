#include "host/platform/training_request.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "host/base/text.hpp"
#include "host/platform/request_fields.hpp"

namespace dream::host {
namespace {

constexpr std::size_t longest_url = 8192;
constexpr std::size_t longest_notes = 65536;
constexpr std::size_t longest_input = 1 << 20;
constexpr std::array<const char*, 9> members{
    "input",   "model", "trainer_version",  "template_version", "notes",
    "webhook", "webhook_completed", "weights", "dry_run"};

[[noreturn]] void refuse(const std::string& field, const std::string& why) {
  throw Refusal(422, field + ": " + why, field);
}

void refuse_unknown(const Json& body) {
  for (const auto& [name, value] : body.items()) {
    const bool known = std::any_of(members.begin(), members.end(),
                                   [&, n = name](const char* member) { return n == member; });
    if (!known)
      refuse(name, fmt::format("there is no such field: those of a training are {}",
                               fmt::join(members, ", ")));
  }
}

std::string quoted_list(const std::vector<std::string>& names) {
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

void read_trainer(TrainingRequest& request, const Catalogue& catalogue) {
  if (request.weights_url) {
    check_url(*request.weights_url, "weights");
    if (request.trainer_version)
      refuse("trainer_version", "there is nothing to train where \"weights\" are given");
    return;
  }
  request.trainer = catalogue.trainer(request.trainer_version);
  if (request.trainer == nullptr)
    refuse("trainer_version",
           fmt::format("'{}' is no trainer of this platform: there are {}",
                       request.trainer_version.value_or(Catalogue::default_trainer),
                       quoted_list(catalogue.trainer_names())));
}

}  // namespace

std::pair<std::string, std::string> read_model_name(const std::string& text,
                                                    const std::string& field) {
  constexpr char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  const auto is_name = [&](std::string_view part) {
    return !part.empty() && part.size() <= 64 &&
           part.find_first_not_of(std::string(letters) + "-_.") == std::string_view::npos &&
           part.find_first_not_of(letters, 0) != 0 && !part.ends_with('.') &&
           part.find("..") == std::string_view::npos;
  };
  const std::size_t slash = text.find('/');
  const std::string owner = text.substr(0, slash);
  const std::string name = slash == std::string::npos ? "" : text.substr(slash + 1);
  if (!is_name(owner) || !is_name(name))
    refuse(field, fmt::format("'{}' is not the name of a model: owner/name, each of a-z, 0-9, '-', "
                              "'_' and '.', beginning with a letter or digit, at most 64 long",
                              text));
  return {owner, name};
}

void check_url(const std::string& url, const std::string& field) {
  const std::string scheme = lower(url.substr(0, url.find("://")));
  const bool is_http = url.find("://") != std::string::npos &&
                       (scheme == "http" || scheme == "https") &&
                       url.size() > scheme.size() + 3;
  const bool clean = url.find_first_of(" \t\r\n\"<>\\") == std::string::npos;
  if (is_http && clean && url.size() <= longest_url) return;
  const std::string shown = valid_utf8(url.substr(0, std::min<std::size_t>(url.find('?'), 100)));
  refuse(field, fmt::format("'{}' is not an http or https URL of at most {} bytes", shown,
                            longest_url));
}

TrainingRequest read_training_request(const Json& body, const Catalogue& catalogue) {
  refuse_unknown(body);
  TrainingRequest request;
  const auto dry_run = body.find("dry_run");
  if (dry_run != body.end() && !dry_run->is_null()) {
    if (!dry_run->is_boolean()) refuse("dry_run", "true or false is needed");
    request.dry_run = dry_run->get<bool>();
  }
  const auto model = text_field(body, "model", 256);
  if (!model) refuse("model", "it is missing: the model to make a version of, owner/name");
  std::tie(request.model_owner, request.model_name) = read_model_name(*model, "model");
  request.trainer_version = text_field(body, "trainer_version", 256);
  request.template_version = text_field(body, "template_version", 256);
  request.weights_url = text_field(body, "weights", longest_url);
  request.notes = text_field(body, "notes", longest_notes);
  request.webhook = text_field(body, "webhook_completed", longest_url);
  if (!request.webhook) request.webhook = text_field(body, "webhook", longest_url);
  if (request.webhook) check_url(*request.webhook, "webhook_completed");
  read_trainer(request, catalogue);
  request.template_image = catalogue.template_image(request.template_version);
  if (request.template_image == nullptr)
    refuse("template_version",
           fmt::format("'{}' is no template of this platform: there are {}",
                       request.template_version.value_or(Catalogue::default_template),
                       quoted_list(catalogue.template_names())));
  const auto input = body.find("input");
  const bool absent = input == body.end() || input->is_null();
  if (absent && request.trainer != nullptr)
    refuse("input", "it is missing: an object with the inputs of the trainer");
  if (!absent && !input->is_object()) refuse("input", "an object is needed");
  if (!absent) request.input = *input;
  if (to_text(request.input).size() > longest_input)
    refuse("input", fmt::format("it has more than {} bytes: give files as URLs", longest_input));
  return request;
}

}  // namespace dream::host

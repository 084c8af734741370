// POST /v1/trainings of the Dreambooth API as it is sent: read and checked before anything is kept.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "host/platform/catalogue.hpp"
#include "host/platform/problem.hpp"

namespace dream::host {

struct TrainingRequest {
  Json input = Json::object();
  std::string model_owner;
  std::string model_name;
  const Trainer* trainer = nullptr;  // null: `weights_url` instead
  const TemplateImage* template_image = nullptr;
  std::optional<std::string> trainer_version;
  std::optional<std::string> template_version;
  std::optional<std::string> weights_url;
  std::optional<std::string> notes;
  std::optional<std::string> webhook;
  bool dry_run = false;
};

// Members that are null or "" count as absent, "webhook" as another name of "webhook_completed";
// unknown ones are refused, so that a slip of the pen is not a training without what was meant.
// Throws Refusal (422) that names the field, its value and what is allowed. The result refers to
// `catalogue`.
TrainingRequest read_training_request(const Json& body, const Catalogue& catalogue);

// "owner/name" in lower case. Throws Refusal (422) naming `field`.
std::pair<std::string, std::string> read_model_name(const std::string& text,
                                                    const std::string& field);
// An http or https URL of at most 8 KiB. Throws Refusal (422) naming `field`, without the URL's
// query.
void check_url(const std::string& url, const std::string& field);

}  // namespace dream::host

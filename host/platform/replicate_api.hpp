// The Replicate API as plain functions from a request to an answer, as PlatformApi has the
// Dreambooth API.
#pragma once

#include <functional>
#include <string>

#include "host/platform/api.hpp"
#include "host/platform/prediction_order.hpp"

namespace dream::host {

class ReplicateApi {
 public:
  // `wake`: there is a new prediction, or one less; `wake_steps`: a training.
  ReplicateApi(PlatformCore& core, std::function<void()> wake, std::function<void()> wake_steps)
      : core_(core), wake_(std::move(wake)), wake_steps_(std::move(wake_steps)) {}

  void add_routes(const AddRoute& add, const AddUpload& add_upload);

 private:
  using Method = ApiAnswer (ReplicateApi::*)(Request&);
  ApiHandler bound(Method method) {
    return [this, method](Request& request) { return (this->*method)(request); };
  }

  void add_prediction_routes(const AddRoute& add);
  ApiAnswer create_prediction(Request& request);
  ApiAnswer predict_with_model(Request& request);
  ApiAnswer list_predictions(Request& request);
  ApiAnswer get_prediction(Request& request);
  ApiAnswer cancel_prediction(Request& request);
  ApiAnswer hear_host_report(Request& request);
  // A prediction of `version`, made, or found by the request's Idempotency-Key.
  ApiAnswer predict(Request& request, const std::string& account, const PredictionOrder& order,
                    const Version& version, const std::optional<std::string>& deployment);
  Response prediction_answer(int status, const StoredPrediction& prediction,
                             const std::string& base);
  ApiAnswer answer_when_ended(const std::string& id, std::chrono::seconds wait,
                              const std::string& base, Response now);

  void add_model_routes(const AddRoute& add);
  ApiAnswer create_model(Request& request);
  ApiAnswer list_models(Request& request);
  ApiAnswer search_models(Request& request);
  ApiAnswer get_model(Request& request);
  ApiAnswer change_model(Request& request);
  ApiAnswer delete_model(Request& request);
  ApiAnswer get_readme(Request& request);
  ApiAnswer list_examples(Request& request);
  ApiAnswer list_versions(Request& request);
  ApiAnswer get_version(Request& request);
  ApiAnswer delete_version(Request& request);
  Response model_answer(int status, const Request& request, const Model& model);
  Json found_models(const std::string& account, const std::string& text, const std::string& base);

  void add_deployment_routes(const AddRoute& add);
  ApiAnswer create_deployment(Request& request);
  ApiAnswer list_deployments(Request& request);
  ApiAnswer get_deployment(Request& request);
  ApiAnswer change_deployment(Request& request);
  ApiAnswer delete_deployment(Request& request);
  ApiAnswer predict_with_deployment(Request& request);
  void read_deployment(const Json& body, const std::string& account, Deployment& deployment);
  Deployment own_deployment(const Request& request);

  void add_training_routes(const AddRoute& add);
  ApiAnswer create_training(Request& request);

  void add_file_routes(const AddRoute& add, const AddUpload& add_upload);
  std::shared_ptr<BodySink> open_form(const Request& head);
  ApiAnswer create_file(Request& request);
  ApiAnswer list_files(Request& request);
  ApiAnswer get_file(Request& request);
  ApiAnswer delete_file(Request& request);
  ApiAnswer download_file(Request& request);
  FileRecord own_file(const Request& request);

  void add_account_routes(const AddRoute& add);
  ApiAnswer get_account(Request& request);
  ApiAnswer list_hardware(Request& request);
  ApiAnswer list_collections(Request& request);
  ApiAnswer get_collection(Request& request);
  ApiAnswer search(Request& request);
  ApiAnswer get_webhook_secret(Request& request);

  // What an account may see. Throws Refusal (404).
  Model visible_model(const Request& request, const std::string& account);
  // One that the account of the request may write. Throws Refusal (403, 404).
  Model own_model(const Request& request);
  // A version by any of the names that clients have for it. Throws Refusal (422).
  Version version_named(const std::string& text, const std::string& account);

  std::string account_of(const Request& request) const {
    return core_.options.accounts.of(request);
  }

  PlatformCore& core_;
  std::function<void()> wake_;
  std::function<void()> wake_steps_;
};

// Public, or of that account.
bool may_see(const std::optional<Model>& model, const std::string& account);
// The request's parameter of the path. Throws Refusal (404) for one that no name can be.
std::string path_name(const Request& request, const char* name);

}  // namespace dream::host

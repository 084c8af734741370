#include "host/platform/replicate_api.hpp"

namespace dream::host {

void ReplicateApi::add_routes(const AddRoute& add, const AddUpload& add_upload) {
  add_prediction_routes(add);
  add_model_routes(add);
  add_deployment_routes(add);
  add_account_routes(add);
  add_training_routes(add);
  add_file_routes(add, add_upload);
}

}  // namespace dream::host

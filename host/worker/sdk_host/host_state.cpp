#include "host/worker/sdk_host/host_state.hpp"

#include <cstring>
#include <utility>

#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/status.hpp"
#include "host/worker/sdk_host/values.hpp"

namespace dream::worker {
namespace {

const void* query(const dream_host*, const char* id) noexcept {
  if (id == nullptr) return nullptr;
  const std::string_view wanted = id;
  if (wanted == DREAM_SCHEMA_1) return &schema_interface();
  if (wanted == DREAM_RUN_1) return &run_interface();
  if (wanted == DREAM_LOG_1) return &log_interface();
  if (wanted == DREAM_METRIC_1) return &metric_interface();
  if (wanted == DREAM_IMAGE_1) return &image_interface();
  if (wanted == DREAM_TENSOR_1) return &tensor_interface();
  if (wanted == DREAM_ANNOTATOR_1) return &annotator_interface();
  if (wanted == DREAM_ENGINE_DIFFUSION_1) return &engine_diffusion_interface();
  if (wanted == DREAM_ENGINE_TRAINING_1) return &engine_training_interface();
  return nullptr;
}

dream_status* create(const dream_host*, int32_t code, dream_str message) noexcept {
  const bool readable = message.data != nullptr && message.size != 0;
  return make_status(code, readable ? std::string_view(message.data, message.size) : "");
}

int32_t code(const dream_status* status) noexcept {
  return status_code(status);
}

dream_str message(const dream_status* status) noexcept {
  return to_str(status_message(status));
}

void destroy(dream_status* status) noexcept {
  free_status(status);
}

}  // namespace

HostState::HostState(Send send_control) : dream_host{}, control(std::move(send_control)) {
  dream_host::struct_size = sizeof(dream_host);
  dream_host::sdk_major = DREAM_SDK_MAJOR;
  dream_host::sdk_minor = DREAM_SDK_MINOR;
  dream_host::query = worker::query;
  dream_host::status_create = create;
  dream_host::status_code = code;
  dream_host::status_message = message;
  dream_host::status_destroy = destroy;
}

void HostState::log(std::string_view level, std::string_view text) const {
  control({{"type", "log"}, {"level", level}, {"message", text}});
}

}  // namespace dream::worker

#include "host/worker/sdk_host/status.hpp"

#include <new>

#include "sdk/engine/engine.hpp"

struct dream_status {
  int code;
  std::string message;
};

namespace dream::worker {
namespace {

dream_status& out_of_memory() {
  static dream_status status{DREAM_INTERNAL, "out of memory"};  // short: no allocation
  return status;
}

}  // namespace

dream_status* make_status(int code, std::string_view message) noexcept {
  try {
    const bool known = code > DREAM_OK && code <= DREAM_INTERNAL;
    return new dream_status{known ? code : DREAM_INTERNAL, std::string(message)};
  } catch (...) {
    return &out_of_memory();
  }
}

int status_code(const dream_status* status) noexcept {
  return status->code;
}

std::string_view status_message(const dream_status* status) noexcept {
  return status->message;
}

void free_status(dream_status* status) noexcept {
  if (status != &out_of_memory()) delete status;
}

void throw_template_error(dream_status* status) {
  const SdkError error(static_cast<dream_code>(status->code), status->message);
  free_status(status);
  throw error;
}

dream_status* status_of_current_exception() noexcept {
  try {
    throw;
  } catch (const SdkError& error) {
    return make_status(error.code(), error.what());
  } catch (const engine::InvalidInput& error) {
    return make_status(DREAM_INVALID_INPUT, error.what());
  } catch (const engine::Canceled& error) {
    return make_status(DREAM_CANCELED, error.what());
  } catch (const std::bad_alloc&) {
    return &out_of_memory();
  } catch (const std::exception& error) {
    return make_status(DREAM_INTERNAL, error.what());
  } catch (...) {
    return make_status(DREAM_INTERNAL, "an exception of an unknown type");
  }
}

}  // namespace dream::worker

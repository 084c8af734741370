// Status objects of the C ABI, and the line no exception crosses on the host's side: every function
// that a template calls runs inside guarded() or quietly().
#pragma once

#include <dream/abi/host.h>

#include <exception>
#include <string>
#include <string_view>

#include "host/worker/sdk_host/sdk_error.hpp"

namespace dream::worker {

// Never null; the status for a full memory is a constant.
dream_status* make_status(int code, std::string_view message) noexcept;
int status_code(const dream_status* status) noexcept;
std::string_view status_message(const dream_status* status) noexcept;
void free_status(dream_status* status) noexcept;  // null is allowed

// Frees the status and throws what it says as an SdkError.
[[noreturn]] void throw_template_error(dream_status* status);

// Status of the exception in flight.
dream_status* status_of_current_exception() noexcept;

// Runs `body`: null if it returned, else the status of what it threw.
template <class Body>
dream_status* guarded(Body&& body) noexcept {
  try {
    body();
    return nullptr;
  } catch (...) {
    return status_of_current_exception();
  }
}

// For functions that cannot report a failure.
template <class Body>
void quietly(Body&& body) noexcept {
  free_status(guarded(body));
}

// Throws invalid() for a null handle or pointer from a template.
template <class T>
T& checked(T* pointer, const char* what) {
  if (pointer == nullptr) throw invalid(std::string(what) + " is a null pointer");
  return *pointer;
}

}  // namespace dream::worker

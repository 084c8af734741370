// The line no exception crosses: every function a template hands to the host runs inside barrier().
#pragma once

#include <cxxabi.h>

#include <cstdlib>
#include <dream/status.hpp>
#include <exception>
#include <string>
#include <typeinfo>
#include <utility>

namespace dream::detail {

// Readable name of a type, for messages.
inline std::string type_name(const std::type_info& type) {
  int status = 0;
  char* text = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string name = text != nullptr ? text : type.name();
  std::free(text);
  return name;
}

// Status for the exception in flight. `where` names the function for messages that need it.
inline dream_status* status_of_current_exception(const dream_host* host,
                                                 const char* where) noexcept {
  try {
    throw;
  } catch (const Canceled&) {
    return make_status(host, DREAM_CANCELED, "canceled");
  } catch (const Error& error) {
    return make_status(host, error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return make_status(host, DREAM_INTERNAL, "out of memory");
  } catch (const std::exception& error) {
    const std::string_view text = error.what();
    return make_status(host, DREAM_INTERNAL, text.empty() ? typeid(error).name() : text);
  } catch (...) {
    try {
      const std::type_info* type = abi::__cxa_current_exception_type();
      const std::string name = type != nullptr ? type_name(*type) : "unknown";
      return make_status(host, DREAM_INTERNAL,
                         std::string(where) + " threw a value of type " + name +
                             ", which is not a std::exception");
    } catch (...) {
      return make_status(host, DREAM_INTERNAL, "an unknown exception");
    }
  }
}

// Runs `body`; null if it returned, else the status of whatever it threw.
template <class Body>
dream_status* barrier(const dream_host* host, const char* where, Body&& body) noexcept {
  try {
    std::forward<Body>(body)();
    return nullptr;
  } catch (...) {
    return status_of_current_exception(host, where);
  }
}

}  // namespace dream::detail

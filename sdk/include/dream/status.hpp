// Errors of the C++ layer and how they become status objects of the C ABI, and back. Templates
// throw these (or anything else); barrier.hpp sees to it that nothing but a status leaves the
// library.
#pragma once

#include <dream/abi/host.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace dream {

// The work failed; the message is shown to the user. The base of the other errors.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : Error(DREAM_INTERNAL, message) {}
  int code() const noexcept { return code_; }  // a dream_code

 protected:
  Error(int code, const std::string& message) : std::runtime_error(message), code_(code) {}

 private:
  int code_;
};

// The caller's value is wrong: name the input, the value and what is allowed.
class InvalidInput : public Error {
 public:
  explicit InvalidInput(const std::string& message) : Error(DREAM_INVALID_INPUT, message) {}
};

// This host or this build cannot do what was asked.
class Unsupported : public Error {
 public:
  explicit Unsupported(const std::string& message) : Error(DREAM_UNSUPPORTED, message) {}
};

// The prediction was canceled. Not a std::exception, so that a template's own
// `catch (const std::exception&)` cannot swallow a cancel by accident.
class Canceled {};

namespace detail {

inline dream_str view(std::string_view text) noexcept {
  return {text.data(), text.size()};
}

inline std::string_view view(dream_str text) noexcept {
  return text.size == 0 ? std::string_view() : std::string_view(text.data, text.size);
}

// A status for `code`; never throws and allocates only on the host's side.
inline dream_status* make_status(const dream_host* host, int code,
                                 std::string_view message) noexcept {
  return host->status_create(host, code, view(message));
}

// Frees a non-null status and throws what it says.
[[noreturn]] inline void throw_status(const dream_host* host, dream_status* status) {
  struct Owner {
    const dream_host* host;
    dream_status* status;
    ~Owner() { host->status_destroy(status); }
  } owner{host, status};
  const std::string message(view(host->status_message(status)));
  switch (host->status_code(status)) {
    case DREAM_INVALID_INPUT:
      throw InvalidInput(message);
    case DREAM_CANCELED:
      throw Canceled();
    case DREAM_UNSUPPORTED:
      throw Unsupported(message);
    default:  // also codes that a later SDK adds
      throw Error(message);
  }
}

// Throws if the host's call failed.
inline void check(const dream_host* host, dream_status* status) {
  if (status != nullptr) throw_status(host, status);
}

}  // namespace detail
}  // namespace dream

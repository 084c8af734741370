// The exception form of dream_status: thrown inside the worker, turned into a status object at the
// C line (status.hpp), and thrown again when a template hands a status back.
#pragma once

#include <dream/abi/types.h>

#include <stdexcept>
#include <string>

namespace dream::worker {

class SdkError : public std::runtime_error {
 public:
  SdkError(dream_code code, const std::string& message)
      : std::runtime_error(message), code_(code) {}
  dream_code code() const { return code_; }

 private:
  dream_code code_;
};

// Wrong value from a template or its caller.
inline SdkError invalid(const std::string& message) {
  return {DREAM_INVALID_INPUT, message};
}

}  // namespace dream::worker

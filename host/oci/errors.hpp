// What ends work on images, told apart by who can help it.
#pragma once

#include <stdexcept>
#include <string>

namespace dream::host::oci {

// The work failed: an answer that makes no sense, a full disk, a digest that does not match.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// What was asked for cannot be: a malformed name, weights that are none, an image that is none.
struct InputError : Error {
  using Error::Error;
};
// A registry refused. `status` is its answer's.
struct RegistryError : Error {
  RegistryError(const std::string& message, long answer) : Error(message), status(answer) {}
  long status;
};
// No login, or not one that may do this (401, 403).
struct LoginError : RegistryError {
  using RegistryError::RegistryError;
};
// Nobody answers, or not as a registry that works would, for as many tries as were allowed.
struct UnreachableError : Error {
  using Error::Error;
};
// The caller's cancel flag was set.
struct Canceled : Error {
  Canceled() : Error("canceled") {}
};

}  // namespace dream::host::oci

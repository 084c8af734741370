// The ends of a command that are not plain success or failure.
#pragma once

#include <stdexcept>

namespace dream::host {

inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_interrupted = 130;

// Wrong usage or bad input: exit code 2. The message names the input and what is allowed.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Ctrl-C where there is nothing to end cleanly: exit code 130.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

}  // namespace dream::host

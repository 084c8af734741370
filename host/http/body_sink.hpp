// Where a request's body goes that is too large for memory, piece by piece as it comes.
#pragma once

#include <cstdint>
#include <string_view>

namespace dream::host {

class BodySink {
 public:
  virtual ~BodySink() = default;
  virtual std::uint64_t limit() const = 0;  // bytes; a larger body is answered 413
  // Throws what keeps it from being stored; the request is then answered 507. A sink that goes away
  // without its request having reached the handler drops what it has.
  virtual void write(std::string_view bytes) = 0;
};

}  // namespace dream::host

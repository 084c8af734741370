// The parts of a multipart/form-data body (RFC 7578) as its bytes come: large ones go on piece by
// piece, and never lie in memory as a whole.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace dream::host {

struct PartHead {
  std::string name;          // of the field
  std::string file_name;     // empty: none
  std::string content_type;  // empty: none
};

// The body is not what its Content-Type says; the message says why.
struct MultipartError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class MultipartReader {
 public:
  struct Events {
    std::function<void(const PartHead&)> begin;
    std::function<void(std::string_view)> data;
    std::function<void()> end;
  };

  // Throws MultipartError for a type that is not multipart/form-data with a boundary.
  MultipartReader(const std::string& content_type, Events events);

  // Throws MultipartError, and what the events throw.
  void write(std::string_view bytes);
  // No bytes follow. Throws MultipartError if the last boundary is missing.
  void finish() const;

 private:
  enum class State { preamble, after_boundary, head, data, epilogue };
  bool step();
  void take_head(std::string_view text);

  std::string delimiter_;  // with the line end before it
  Events events_;
  std::string buffer_ = "\r\n";  // the first boundary may be the body's first line
  State state_ = State::preamble;
};

}  // namespace dream::host

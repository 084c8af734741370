#include "host/platform/multipart.hpp"

#include "host/base/text.hpp"

namespace dream::host {
namespace {

constexpr std::size_t longest_head = 16U << 10;
constexpr std::size_t longest_boundary = 200;

// Of `form-data; name="content"; filename="a.png"` the value of one parameter, without quotes.
std::string parameter_of(std::string_view header, std::string_view name) {
  std::string value;
  any_part(header, ';', [&](std::string_view part) {
    part = trimmed(part, " \t");
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || lower(part.substr(0, equals)) != name) return false;
    part.remove_prefix(equals + 1);
    if (part.size() >= 2 && part.starts_with('"') && part.ends_with('"'))
      part = part.substr(1, part.size() - 2);
    value = part;
    return true;
  });
  return value;
}

}  // namespace

MultipartReader::MultipartReader(const std::string& content_type, Events events)
    : events_(std::move(events)) {
  const std::string boundary = parameter_of(content_type, "boundary");
  if (!lower(content_type).starts_with("multipart/form-data") || boundary.empty() ||
      boundary.size() > longest_boundary)
    throw MultipartError("multipart/form-data with a boundary is needed");
  delimiter_ = "\r\n--" + boundary;
}

void MultipartReader::write(std::string_view bytes) {
  buffer_ += bytes;
  while (step()) {
  }
}

// False if more bytes are needed.
bool MultipartReader::step() {
  switch (state_) {
    case State::preamble:
    case State::data: {
      const std::size_t at = buffer_.find(delimiter_);
      const bool found = at != std::string::npos;
      // What may be the beginning of a boundary waits for its rest.
      const std::size_t safe = found ? at
                               : buffer_.size() < delimiter_.size()
                                   ? 0
                                   : buffer_.size() - delimiter_.size() + 1;
      if (state_ == State::data && safe > 0)
        events_.data(std::string_view(buffer_).substr(0, safe));
      buffer_.erase(0, found ? at + delimiter_.size() : safe);
      if (!found) return false;
      if (state_ == State::data) events_.end();
      state_ = State::after_boundary;
      return true;
    }
    case State::after_boundary: {
      if (buffer_.size() < 2) return false;
      if (buffer_.starts_with("--")) {
        state_ = State::epilogue;
        return true;
      }
      const std::size_t end = buffer_.find("\r\n");
      if (end == std::string::npos && buffer_.size() < longest_head) return false;
      if (end == std::string::npos ||
          !trimmed(std::string_view(buffer_).substr(0, end), " \t").empty())
        throw MultipartError("there is something behind a boundary");
      buffer_.erase(0, end);  // the line end stays: a head without headers ends with it
      state_ = State::head;
      return true;
    }
    case State::head: {
      const std::size_t end = buffer_.find("\r\n\r\n");
      if (end == std::string::npos) {
        if (buffer_.size() > longest_head)
          throw MultipartError("the headers of a part are too long");
        return false;
      }
      // A part without bytes is followed by its boundary at once, which begins with that line end.
      const std::string_view rest = std::string_view(buffer_).substr(end + 2);
      const bool is_empty = rest.starts_with(delimiter_);
      if (!is_empty && std::string_view(delimiter_).starts_with(rest)) return false;
      take_head(std::string_view(buffer_).substr(0, end));
      buffer_.erase(0, end + (is_empty ? 2 : 4));
      state_ = State::data;
      return true;
    }
    case State::epilogue:
      buffer_.clear();
      return false;
  }
  return false;
}

void MultipartReader::take_head(std::string_view text) {
  PartHead head;
  any_part(text, '\n', [&](std::string_view line) {
    line = trimmed(line, " \t\r");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    const std::string name = lower(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1), " \t");
    if (name == "content-disposition") {
      head.name = valid_utf8(parameter_of(value, "name"));
      head.file_name = valid_utf8(parameter_of(value, "filename"));
    } else if (name == "content-type") {
      head.content_type = valid_utf8(value);
    }
    return false;
  });
  if (head.name.empty()) throw MultipartError("a part has no name");
  events_.begin(head);
}

void MultipartReader::finish() const {
  if (state_ != State::epilogue) throw MultipartError("the last boundary is missing");
}

}  // namespace dream::host

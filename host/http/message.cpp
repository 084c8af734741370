#include "host/http/message.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace dream::host {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace

const std::string* Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (std::equal(key.begin(), key.end(), name.begin(), name.end(),
                   [](char a, char b) { return lower(a) == lower(b); })) {
      return &value;
    }
  }
  return nullptr;
}

std::string path_for_logs(const Request& request) {
  const auto secret = request.parameters.find("capability");
  if (secret == request.parameters.end()) return request.path;
  const std::size_t end = request.path.find('/', 1);
  const std::size_t at = request.path.find(secret->second, end);
  // Percent-encoded: then all of it stays out.
  if (at == std::string::npos) return request.path.substr(0, end) + "/…";
  return request.path.substr(0, at) + "…" + request.path.substr(at + secret->second.size());
}

void Exchange::respond(Response response) {
  if (answered_ || gone_) return;
  answered_ = true;
  response_ = std::move(response);
  on_disconnect_ = nullptr;
  if (on_response_) on_response_();
}

std::shared_ptr<BodyStream> Exchange::begin_stream(Response head, BodyStream::Source source) {
  auto stream = std::make_shared<BodyStream>(std::move(source));
  if (answered_ || gone_) {
    stream->close();
  } else {
    stream_ = stream;
    respond(std::move(head));
  }
  return stream;
}

void Exchange::disconnect() {
  if (answered_ || gone_) return;
  gone_ = true;
  if (auto callback = std::exchange(on_disconnect_, nullptr)) callback();
}

double quality_of(std::string_view part) {
  double quality = 1;
  const std::size_t q = part.find("q=");
  if (q != std::string_view::npos)
    std::from_chars(part.data() + q + 2, part.data() + part.size(), quality);
  return quality;
}

std::string_view reason_phrase(int status) {
  using Entry = std::pair<int, std::string_view>;
  static constexpr std::array<Entry, 27> phrases{{{200, "OK"},
                                                  {201, "Created"},
                                                  {202, "Accepted"},
                                                  {204, "No Content"},
                                                  {206, "Partial Content"},
                                                  {302, "Found"},
                                                  {304, "Not Modified"},
                                                  {307, "Temporary Redirect"},
                                                  {400, "Bad Request"},
                                                  {401, "Unauthorized"},
                                                  {403, "Forbidden"},
                                                  {404, "Not Found"},
                                                  {405, "Method Not Allowed"},
                                                  {406, "Not Acceptable"},
                                                  {408, "Request Timeout"},
                                                  {409, "Conflict"},
                                                  {413, "Payload Too Large"},
                                                  {415, "Unsupported Media Type"},
                                                  {416, "Range Not Satisfiable"},
                                                  {417, "Expectation Failed"},
                                                  {422, "Unprocessable Entity"},
                                                  {429, "Too Many Requests"},
                                                  {431, "Request Header Fields Too Large"},
                                                  {500, "Internal Server Error"},
                                                  {502, "Bad Gateway"},
                                                  {503, "Service Unavailable"},
                                                  {507, "Insufficient Storage"}}};
  for (const auto& [code, phrase] : phrases) {
    if (code == status) return phrase;
  }
  return "Unknown";
}

}  // namespace dream::host

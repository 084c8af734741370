#include "host/oci/registry.hpp"

#include <fmt/format.h>

#include "host/base/text.hpp"
#include "host/oci/errors.hpp"
#include "host/oci/patience.hpp"
#include "host/oci/reference.hpp"

namespace dream::host::oci {
namespace {

constexpr std::size_t longest_message = 400;

}  // namespace

std::string registry_errors(const std::string& body) {
  const Document document = Document::parse(body, nullptr, false);
  std::string text;
  if (!document.is_object() || !document.contains("errors") || !document["errors"].is_array())
    return text;
  for (const Document& entry : document["errors"]) {
    if (!entry.is_object()) continue;
    for (const char* const key : {"code", "message"})
      if (const auto found = entry.find(key); found != entry.end() && found->is_string())
        text += (text.empty()                 ? ""
                 : std::string(key) == "code" ? "; "
                                              : ": ") +
                found->get<std::string>();
    if (text.size() > longest_message) break;
  }
  return valid_utf8(text.substr(0, longest_message));
}

Registry::Registry(std::string host, const RegistryOptions& options, const Control& control)
    : host_(std::move(host)),
      options_(options),
      control_(control),
      http_(options_, control),
      auth_(options_, control, http_, host_) {}

std::string Registry::url(const std::string& path) {
  return base_url() + "/v2/" + path;
}

const std::string& Registry::base_url() {
  if (base_url_.empty()) base_url_ = find_base_url();
  return base_url_;
}

// A loopback registry may be without TLS; which it is shows at the first connection.
std::string Registry::find_base_url() {
  const bool maybe_plain = is_loopback(host_) && options_.ca_file.empty();
  if (options_.plain_http) return "http://" + host_;
  Patience patience(options_, control_, "connecting to " + host_);
  for (;;) {
    HttpRequest request;
    request.url = "https://" + host_ + "/v2/";
    if (!maybe_plain) return "https://" + host_;
    try {
      http_.perform(request);
      return "https://" + host_;
    } catch (const ConnectionFailure& failure) {
      if (failure.no_tls) return "http://" + host_;
      patience.wait(failure.what());
    }
  }
}

HttpAnswer Registry::send_once(HttpRequest request, const Scopes& scopes,
                               const std::string& repository) {
  // The login is for the registry alone, also where it sends uploads elsewhere.
  const bool ours = origin_of(request.url) == origin_of(base_url());
  const std::vector<std::string> headers = request.headers;
  for (bool again = false;; again = true) {
    request.headers = headers;
    const std::string login = ours ? auth_.header(scopes, repository) : "";
    if (!login.empty()) request.headers.push_back(login);
    HttpAnswer answer = http_.perform(request);
    const bool can_answer = answer.status == 401 && ours && !again;
    if (can_answer) auth_.answer(answer.header("www-authenticate"), scopes);
    if (can_answer) continue;
    if (answer.status == 401 || answer.status == 403)
      refuse(answer, fmt::format("access to {}", repository));
    return answer;
  }
}

HttpAnswer Registry::send(const HttpRequest& request, const Scopes& scopes,
                          const std::string& repository) {
  Patience patience(options_, control_, fmt::format("{} {}", request.method, request.url));
  for (;;) {
    try {
      HttpAnswer answer = send_once(request, scopes, repository);
      if (!may_pass(answer.status)) return answer;
      const std::string said = registry_errors(answer.body);
      patience.wait(fmt::format("the registry answered {}{}", answer.status,
                                said.empty() ? "" : " (" + said + ")"),
                    answer.retry_after);
    } catch (const ConnectionFailure& failure) {
      patience.wait(failure.what());
    }
  }
}

void Registry::refuse(const HttpAnswer& answer, const std::string& what) const {
  const std::string said = registry_errors(answer.body);
  const std::string message = fmt::format("{} refused {}: it answered {}{}", host_, what,
                                          answer.status, said.empty() ? "" : ", " + said);
  if (answer.status == 401 || answer.status == 403) throw LoginError(message, answer.status);
  throw RegistryError(message, answer.status);
}

std::string Registry::location_of(const HttpAnswer& answer) {
  const std::string said = answer.header("location");
  const std::string location = said.empty() ? "" : resolve_url(answer.url, said);
  if (location.empty())
    throw Error(fmt::format("{}: its answer names no place for the upload (Location: '{}')", host_,
                            valid_utf8(said.substr(0, 200))));
  if (base_url().starts_with("https:") && location.starts_with("http:"))
    throw Error(
        fmt::format("{}: sends an upload to an address without TLS; it may stand behind a "
                    "proxy that does not tell it about TLS",
                    host_));
  return location;
}

Manifest Registry::manifest(const std::string& repository, const std::string& key) {
  const std::string where =
      fmt::format("{}/{}{}{}", host_, repository, Digest::parse(key) ? "@" : ":", key);
  HttpRequest request;
  request.url = url(fmt::format("{}/manifests/{}", repository, key));
  request.headers = {std::string("Accept: ") + accepted_manifests};
  request.most_answer_bytes = most_document_bytes;
  const HttpAnswer answer = send(request, {pull_scope(repository)}, repository);
  if (answer.status == 404) {
    const std::string said = registry_errors(answer.body);
    throw InputError(
        fmt::format("{}: there is no such image{}", where, said.empty() ? "" : " (" + said + ")"));
  }
  if (answer.status != 200) refuse(answer, where);
  const Digest digest = Digest::of(answer.body);
  const auto wanted = Digest::parse(key);
  if (wanted && *wanted != digest)
    throw Error(fmt::format("{}: what came is another image, {}", where, digest.text()));
  const Document document = parse_document(answer.body, where);
  const std::string type = manifest_media_type(document, answer.header("content-type"), where);
  return {{type, digest, answer.body.size()}, answer.body};
}

std::string Registry::document(const std::string& repository, const Descriptor& descriptor) {
  const std::string where =
      fmt::format("{}/{}: the blob {}", host_, repository, descriptor.digest.text());
  if (descriptor.bytes > most_document_bytes)
    throw InputError(fmt::format("{}: {} bytes are more than the {} that are allowed", where,
                                 descriptor.bytes, most_document_bytes));
  HttpRequest request;
  request.url = url(fmt::format("{}/blobs/{}", repository, descriptor.digest.text()));
  request.most_answer_bytes = most_document_bytes;
  const HttpAnswer answer = send(request, {pull_scope(repository)}, repository);
  if (answer.status != 200) refuse(answer, where);
  if (answer.body.size() != descriptor.bytes || Digest::of(answer.body) != descriptor.digest)
    throw Error(fmt::format("{}: what came is something else", where));
  return answer.body;
}

bool Registry::has_blob(const std::string& repository, const Descriptor& descriptor) {
  HttpRequest request;
  request.method = "HEAD";
  request.url = url(fmt::format("{}/blobs/{}", repository, descriptor.digest.text()));
  const HttpAnswer answer = send(request, {push_scope(repository)}, repository);
  const std::string bytes = answer.header("content-length");
  return answer.status == 200 && (bytes.empty() || bytes == std::to_string(descriptor.bytes));
}

void Registry::put_manifest(const std::string& repository, const std::string& key,
                            const Manifest& manifest) {
  const std::string what = fmt::format("the manifest {} of {}", key, repository);
  HttpRequest request;
  request.method = "PUT";
  request.url = url(fmt::format("{}/manifests/{}", repository, key));
  request.headers = {"Content-Type: " + manifest.descriptor.media_type};
  request.body = manifest.bytes;
  const HttpAnswer answer = send(request, {push_scope(repository)}, repository);
  if (answer.status < 200 || answer.status > 299) refuse(answer, what);
  const std::string digest = answer.header("docker-content-digest");
  if (!digest.empty() && digest != manifest.descriptor.digest.text())
    throw Error(fmt::format("{} stored {} as {}, not as {}: it changed it", host_, what, digest,
                            manifest.descriptor.digest.text()));
}

void Registry::check_push(const std::string& repository) {
  HttpRequest request;
  request.method = "POST";
  request.url = url(fmt::format("{}/blobs/uploads/", repository));
  const HttpAnswer answer = send(request, {push_scope(repository)}, repository);
  if (answer.status != 202) refuse(answer, fmt::format("a push to {}", repository));
  HttpRequest drop;
  drop.method = "DELETE";
  drop.url = location_of(answer);
  send_once(drop, {push_scope(repository)}, repository);
}

}  // namespace dream::host::oci

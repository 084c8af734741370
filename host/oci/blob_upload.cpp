#include "host/oci/blob_upload.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "host/base/text.hpp"
#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

constexpr unsigned most_refused_pieces = 2;

std::string with_digest(const std::string& location, const Digest& digest) {
  return location + (location.find('?') == std::string::npos ? "?" : "&") +
         "digest=" + url_escape(digest.text());
}

std::string answered(const HttpAnswer& answer) {
  const std::string said = registry_errors(answer.body);
  return fmt::format("the registry answered {}{}", answer.status,
                     said.empty() ? "" : " (" + said + ")");
}

void drop_upload(Registry& registry, const std::string& repository, const std::string& location) {
  HttpRequest drop;
  drop.method = "DELETE";
  drop.url = location;
  registry.send_once(drop, {push_scope(repository)}, repository);
}

// An upload that a process began which is gone, of a blob that came by another way since.
void forget_upload(Registry& registry, const std::string& repository,
                   const Descriptor& descriptor) {
  const UploadMemory memory(registry.options().upload_memory, registry.host(), repository,
                            descriptor);
  const auto location = memory.load();
  if (!location) return;
  try {
    drop_upload(registry, repository, *location);
  } catch (const ConnectionFailure&) {  // the registry forgets it in time
  }
  memory.forget();
}

}  // namespace

std::optional<std::uint64_t> end_of_range(const std::string& range) {
  std::string_view text = trimmed(range);
  if (text.starts_with("bytes=") || text.starts_with("bytes ")) text.remove_prefix(6);
  if (!text.starts_with("0-")) return std::nullopt;
  const auto last = parse_number<std::uint64_t>(text.substr(2));
  if (!last || *last == UINT64_MAX) return std::nullopt;
  return *last == 0 ? 0 : *last + 1;  // "0-0" is how an empty upload is told
}

std::optional<BlobArrival> place_without_upload(Registry& registry, const std::string& repository,
                                                const Descriptor& descriptor,
                                                const std::vector<std::string>& mount_from) {
  if (registry.has_blob(repository, descriptor)) {
    forget_upload(registry, repository, descriptor);
    return BlobArrival::was_there;
  }
  for (const std::string& from : mount_from) {
    if (from == repository) continue;
    HttpRequest request;
    request.method = "POST";
    request.url = registry.url(fmt::format("{}/blobs/uploads/?mount={}&from={}", repository,
                                           url_escape(descriptor.digest.text()), url_escape(from)));
    try {
      const HttpAnswer answer =
          registry.send(request, {pull_scope(from), push_scope(repository)}, repository);
      if (answer.status == 201) return BlobArrival::mounted;
      if (answer.status != 202) continue;
      drop_upload(registry, repository, registry.location_of(answer));  // it was begun instead
    } catch (const LoginError&) {
      // May not read there: the blob is uploaded instead.
    } catch (const ConnectionFailure&) {
    }
  }
  return std::nullopt;
}

BlobUpload::BlobUpload(Registry& registry, std::string repository, Descriptor descriptor,
                       const std::filesystem::path& file)
    : registry_(registry),
      repository_(std::move(repository)),
      descriptor_(std::move(descriptor)),
      file_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)),
      memory_(registry.options().upload_memory, registry.host(), repository_, descriptor_),
      step_("pushing " + descriptor_.digest.brief()),
      chunk_bytes_(std::max<std::uint64_t>(registry.options().chunk_bytes, 1)) {
  if (file_.get() < 0) throw Error(fmt::format("{}: cannot be read", file.string()));
}

Scopes BlobUpload::scopes() const {
  return {push_scope(repository_)};
}

HttpAnswer BlobUpload::send(const HttpRequest& request) {
  return registry_.send_once(request, scopes(), repository_);
}

HttpRequest BlobUpload::body_request(const std::string& method, const std::string& url,
                                     std::uint64_t bytes) {
  HttpRequest request;
  request.method = method;
  request.url = url;
  request.headers = {"Content-Type: application/octet-stream"};
  request.fd = file_.get();
  request.offset = offset_;
  request.bytes = bytes;
  request.sent = [this](std::uint64_t sent) {
    registry_.control().tell(step_, offset_ + sent, descriptor_.bytes);
  };
  return request;
}

void BlobUpload::run() {
  registry_.control().tell(step_, 0, descriptor_.bytes);
  if (const auto location = memory_.load()) {
    location_ = *location;
    try {
      ask_status();
    } catch (const Error&) {
      registry_.control().check();
      drop_session();  // of another day: what it was does not matter
    }
    restarts_ = 0;
  }
  Patience patience(registry_.options(), registry_.control(),
                    fmt::format("{} to {}/{}", step_, registry_.host(), repository_));
  for (;;) {
    if (location_.empty()) begin();
    Step step;
    try {
      step = attempt();
    } catch (const ConnectionFailure& failure) {
      step.problem = failure.what();
    }
    if (done_) break;
    if (offset_ > furthest_) patience.progress();
    furthest_ = std::max(furthest_, offset_);
    if (step.problem.empty()) continue;
    if (restarts_ > registry_.options().tries)
      throw UnreachableError(fmt::format("{} to {}/{} began anew {} times: {}", step_,
                                         registry_.host(), repository_, restarts_, step.problem));
    patience.wait(step.problem, step.asked);
    // The answer may have been lost, and not the upload.
    if (registry_.has_blob(repository_, descriptor_)) break;
    if (!location_.empty()) ask_status();
  }
  memory_.forget();
  registry_.control().tell(step_, descriptor_.bytes, descriptor_.bytes);
}

// A new session.
void BlobUpload::begin() {
  HttpRequest request;
  request.method = "POST";
  request.url = registry_.url(fmt::format("{}/blobs/uploads/", repository_));
  const HttpAnswer answer = registry_.send(request, scopes(), repository_);
  if (answer.status != 202) registry_.refuse(answer, fmt::format("a push to {}", repository_));
  location_ = registry_.location_of(answer);
  offset_ = 0;
  memory_.save(location_);  // who goes on after us ends it, or uses it
  const auto least = parse_number<std::uint64_t>(answer.header("oci-chunk-min-length"));
  if (least && *least <= 1ULL << 40) chunk_bytes_ = std::max(chunk_bytes_, *least);
}

// Where the session stands, told by the registry; no session any more when it does not know it.
void BlobUpload::ask_status() {
  HttpRequest request;
  request.url = location_;
  const HttpAnswer answer = registry_.send(request, scopes(), repository_);
  const auto end = end_of_range(answer.header("range"));
  if ((answer.status != 204 && answer.status != 200 && answer.status != 202) || !end ||
      *end > descriptor_.bytes)
    return drop_session();
  if (!answer.header("location").empty()) location_ = registry_.location_of(answer);
  offset_ = *end;
}

void BlobUpload::drop_session() {
  location_.clear();
  offset_ = 0;
  ++restarts_;
  memory_.forget();
}

BlobUpload::Step BlobUpload::attempt() {
  const bool whole = offset_ == 0 && (in_one_ || descriptor_.bytes <= chunk_bytes_);
  return whole || offset_ == descriptor_.bytes ? commit() : send_piece();
}

BlobUpload::Step BlobUpload::send_piece() {
  const std::uint64_t bytes = std::min(chunk_bytes_, descriptor_.bytes - offset_);
  HttpRequest request = body_request("PATCH", location_, bytes);
  request.headers.push_back(fmt::format("Content-Range: {}-{}", offset_, offset_ + bytes - 1));
  const HttpAnswer answer = send(request);
  if (answer.status != 202 && answer.status != 201 && answer.status != 204)
    return bad_piece(answer);
  location_ = registry_.location_of(answer);
  const std::string range = answer.header("range");
  const std::uint64_t sent_to = offset_ + bytes;
  const auto end = range.empty() ? std::optional(sent_to) : end_of_range(range);
  if (!end || *end > sent_to || *end < offset_) {
    drop_session();
    return {fmt::format("after bytes {}-{} the registry says it has '{}'", sent_to - bytes,
                        sent_to - 1, valid_utf8(range.substr(0, 60)))};
  }
  memory_.save(location_);
  if (*end == offset_) return {fmt::format("the registry kept none of {} bytes", bytes)};
  offset_ = *end;
  return {};
}

BlobUpload::Step BlobUpload::bad_piece(const HttpAnswer& answer) {
  if (may_pass(answer.status)) return {answered(answer), answer.retry_after};
  if (answer.status == 416) {  // we are out of step, or it takes nothing but whole blobs
    if (++refused_pieces_ > most_refused_pieces) {
      in_one_ = true;
      drop_session();
    }
    return {answered(answer)};
  }
  if (answer.status == 404) {
    drop_session();
    return {answered(answer)};
  }
  const bool takes_no_pieces = offset_ == 0 && !in_one_ && answer.status != 413;
  if (!takes_no_pieces)
    registry_.refuse(answer,
                     fmt::format("the blob {} in {}", descriptor_.digest.text(), repository_));
  in_one_ = true;
  drop_session();
  return {answered(answer)};
}

BlobUpload::Step BlobUpload::commit() {
  const HttpAnswer answer = send(
      body_request("PUT", with_digest(location_, descriptor_.digest), descriptor_.bytes - offset_));
  if (answer.status == 201 || answer.status == 204) {
    const std::string digest = answer.header("docker-content-digest");
    if (!digest.empty() && digest != descriptor_.digest.text())
      throw Error(fmt::format("{} stored the blob {} as {}", registry_.host(),
                              descriptor_.digest.text(), valid_utf8(digest)));
    done_ = true;
    return {};
  }
  if (may_pass(answer.status)) return {answered(answer), answer.retry_after};
  // A session that is gone, that has other bytes, or the wrong number of them: once more.
  const bool lost = answer.status == 400 || answer.status == 404 || answer.status == 416;
  if (!lost || restarts_ >= 2)
    registry_.refuse(answer,
                     fmt::format("the blob {} in {}", descriptor_.digest.text(), repository_));
  drop_session();
  return {answered(answer)};
}

}  // namespace dream::host::oci

// Registry::pull_blob(): a blob into a layout, over broken connections.
#include <fmt/format.h>

#include <optional>

#include "host/oci/errors.hpp"
#include "host/oci/patience.hpp"
#include "host/oci/registry.hpp"

namespace dream::host::oci {
namespace fs = std::filesystem;
namespace {

// How much of a blob an earlier call has left; nothing if that cannot be the blob's beginning.
std::uint64_t bytes_there(const fs::path& partial, const Descriptor& descriptor) {
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(partial, error);
  return error || bytes >= descriptor.bytes ? 0 : bytes;
}

}  // namespace

// Result: whether the blob is whole. False after what may pass; `patience` has waited then.
bool Registry::pull_piece(const std::string& repository, const Descriptor& descriptor, Layout& into,
                          Patience& patience) {
  const fs::path partial = into.partial_path(descriptor.digest);
  const std::string step = "pulling " + descriptor.digest.brief();
  const std::uint64_t begin = bytes_there(partial, descriptor);
  std::uint64_t at = begin;
  std::optional<FileSink> sink(std::in_place, partial, at);
  HttpRequest request;
  request.url = url(fmt::format("{}/blobs/{}", repository, descriptor.digest.text()));
  if (at > 0) request.headers = {fmt::format("Range: bytes={}-", at)};
  request.begin = [&](const HttpAnswer& answer) {
    const bool goes_on = answer.status == 206 &&
                         answer.header("content-range").starts_with(fmt::format("bytes {}-", at));
    if (at == 0 || goes_on) return;
    at = 0;  // from the beginning after all
    sink.emplace(partial, at);
    if (answer.status == 206) throw ConnectionFailure("it sent another part of the blob", false);
  };
  request.take = [&](std::span<const std::byte> piece) {
    if (piece.size() > descriptor.bytes - at)
      throw Error(fmt::format("{}/{}: the blob {} is larger than the {} bytes it should have",
                              host_, repository, descriptor.digest.text(), descriptor.bytes));
    sink->write(piece);
    at += piece.size();
    control_.tell(step, at, descriptor.bytes);
  };
  std::string problem;
  std::chrono::seconds asked{};
  try {
    const HttpAnswer answer = send_once(request, {pull_scope(repository)}, repository);
    asked = answer.retry_after;
    const bool good = answer.status == 200 || answer.status == 206;
    if (good && at == descriptor.bytes)
      problem.clear();
    else if (good)
      problem = fmt::format("it sent {} of {} bytes", at, descriptor.bytes);
    else if (may_pass(answer.status))
      problem = fmt::format("it answered {}", answer.status);
    else if (answer.status == 416 && begin > 0) {
      sink.emplace(partial, 0);
      problem = "it has no such part of the blob";
    } else
      refuse(answer, fmt::format("the blob {} of {}", descriptor.digest.text(), repository));
  } catch (const ConnectionFailure& failure) {
    problem = failure.what();
  }
  sink->close();
  if (at > begin) patience.progress();
  if (!problem.empty()) patience.wait(problem, asked);
  return problem.empty();
}

void Registry::pull_blob(const std::string& repository, const Descriptor& descriptor,
                         Layout& into) {
  if (into.is_sound(descriptor, control_)) return;
  const std::string what =
      fmt::format("pulling {} of {}/{}", descriptor.digest.brief(), host_, repository);
  Patience patience(options_, control_, what);
  for (unsigned tries = 0;; ++tries) {
    while (!pull_piece(repository, descriptor, into, patience)) {
    }
    const fs::path partial = into.partial_path(descriptor.digest);
    if (digest_of_file(partial) == descriptor.digest) {
      into.adopt(partial, descriptor.digest);
      return;
    }
    // What an earlier call left may have been damaged: once more from the beginning.
    fs::remove(partial);
    if (tries > 0)
      throw Error(fmt::format("{} failed: what came is not what its digest says", what));
  }
}

}  // namespace dream::host::oci

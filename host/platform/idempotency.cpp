#include "host/platform/idempotency.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "host/base/ids.hpp"
#include "host/base/text.hpp"
#include "host/platform/problem.hpp"
#include "host/platform/signing.hpp"

namespace dream::host {
namespace {

constexpr char name[] = "Idempotency-Key";
constexpr Micros patience = 60'000'000;  // with another request of the same key
constexpr Micros key_lifetime = 24 * 3600'000'000LL;
constexpr std::size_t longest_key = 255;

// Where that fails too, the next one has to wait for `patience`.
void release(Replies& replies, const std::string& account, const std::string& key) {
  try {
    replies.release(account, key);
  } catch (const sql::Error& error) {
    spdlog::warn("an {} cannot be released: {}", name, error.what());
  }
}

}  // namespace

Response answer_once(Replies& replies, const Request& request, const std::string& account,
                     const std::string& content,
                     const std::function<std::optional<Response>(const std::string&)>& find,
                     const std::function<Response(const std::string&)>& create) {
  const std::string* const key = request.header(name);
  if (key == nullptr) return create(new_id());
  if (key->empty() || key->size() > longest_key || valid_utf8(*key) != *key)
    throw Refusal(422, fmt::format("{}: 1 to {} bytes of UTF-8 are needed", name, longest_key),
                  name);
  const auto begun = replies.begin(account, *key, hmac_sha256_hex(request.path, content), new_id(),
                                   patience, key_lifetime);
  using Kind = Replies::Begun::Kind;
  if (begun.kind == Kind::other)
    throw Refusal(422, fmt::format("{}: it was used for another request", name), name);
  if (begun.kind == Kind::in_work)
    throw Refusal(409, fmt::format("A request with this {} is in work", name));
  if (begun.kind == Kind::answered) return {begun.status, "application/json", begun.body};
  try {
    // Who began it before may have come as far as this.
    const auto made = find(begun.subject);
    const Response response = made ? *made : create(begun.subject);
    replies.finish(account, *key, response.status, response.body);
    return response;
  } catch (const Refusal&) {
    replies.forget(account, *key);
    throw;
  } catch (...) {
    // It may have been made: the next try finds it, or makes it.
    release(replies, account, *key);
    throw;
  }
}

}  // namespace dream::host

// Requests with an Idempotency-Key: the same one sent twice does its work once.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "host/http/message.hpp"
#include "host/storage/replies.hpp"

namespace dream::host {

// The answer of `create(id)` with a new id, or, where the request's key has been used for the same
// request before, the one it had then; `find(id)` answers where what was made is there although
// its maker went away before it could answer. `content`: what must be the same, besides the path.
// Throws Refusal (409, 422), and what `create` throws: after a Refusal the key is free again, after
// anything else the same request may come again, with the id that it had.
Response answer_once(Replies& replies, const Request& request, const std::string& account,
                     const std::string& content,
                     const std::function<std::optional<Response>(const std::string& id)>& find,
                     const std::function<Response(const std::string& id)>& create);

}  // namespace dream::host

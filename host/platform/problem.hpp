// Answers of the platform's API, as JSON; what is refused as problem details (RFC 9457), with the
// "detail" that the clients of both APIs read.
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "host/http/message.hpp"

namespace dream::host {

using Json = nlohmann::ordered_json;

// Thrown by whatever looks at a request; becomes its answer.
struct Refusal : std::runtime_error {
  Refusal(int answer, const std::string& why, std::string which = "")
      : std::runtime_error(why), status(answer), field(std::move(which)) {}
  int status;
  std::string field;     // "input.instance_data", "model"; empty: the request as a whole
  int retry_after_s = 0;  // not 0: Retry-After
};

Response json_answer(int status, const Json& body);
Response problem_answer(const Refusal& refusal);
// Invalid UTF-8 becomes U+FFFD.
std::string to_text(const Json& json);

// The members of a JSON object that a request must be; an empty body is an empty object. Whatever
// its Content-Type says: some clients send none. Throws Refusal (400, or 413 for what is nested
// deeper than 64).
Json parse_body(const std::string& body);

}  // namespace dream::host

// Where the body of a request ends, when its head says it twice.
#pragma once

#include <span>

namespace dream::host {

// Ruby's Net::HTTP sends Content-Length and Transfer-Encoding: chunked when a program sets both;
// RFC 9112 6.3 lets the latter win. Looks at the head at the start of `bytes`: if it is there in
// full and has one of each, the former is renamed in place, so that the parser does not meet it.
// True if it was: the connection must then end after the answer, since whoever passed the request
// on may have read the other one.
bool prefer_chunks(std::span<char> bytes);

}  // namespace dream::host

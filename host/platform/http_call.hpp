// One small HTTP request to a trainer or a webhook's receiver.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "host/downloads/address_rule.hpp"

namespace dream::host {

struct HttpCall {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers = {};  // "Name: value"
  std::string body = {};
  std::chrono::milliseconds timeout{30000};
  std::size_t most_bytes = 16U << 20;  // of the answer's body
  AddressRule addresses = AddressRule::any;
  bool follow_redirects = true;
  const std::atomic<bool>* canceled = nullptr;
};

struct HttpReply {
  long status = 0;    // 0: there was no answer
  std::string body;
  std::string error;  // why there was none; never the URL, whose query may hold a secret
  bool refused = false;  // the address rule kept us from asking
};

// Blocking.
HttpReply call(const HttpCall& request);

}  // namespace dream::host

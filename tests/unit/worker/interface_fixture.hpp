// What the tests of the C interfaces share: a host, and statuses as text.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "host/worker/sdk_host/host_state.hpp"
#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/status.hpp"
#include "host/worker/sdk_host/values.hpp"

namespace dream::worker {

class InterfaceTest : public testing::Test {
 protected:
  // Code and message; "" for success. Frees the status.
  static std::string taken(dream_status* status) {
    if (status == nullptr) return "";
    constexpr const char* names[] = {"ok", "invalid", "canceled", "unsupported", "internal"};
    const std::string text =
        std::string(names[status_code(status)]) + ": " + std::string(status_message(status));
    free_status(status);
    return text;
  }
  static void expect_failure(dream_status* status, const std::string& words) {
    const std::string text = taken(status);
    EXPECT_NE(text.find(words), std::string::npos) << text;
  }

  HostState host_{[](const nlohmann::json&) {}};
  dream_setup setup_{host_, "t"};
};

}  // namespace dream::worker

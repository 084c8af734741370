// dream.log/1 at the C line.
#include <algorithm>
#include <array>

#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/run.hpp"
#include "host/worker/sdk_host/status.hpp"

namespace dream::worker {
namespace {

constexpr std::array<std::string_view, 4> level_names = {"debug", "info", "warning", "error"};

void log(const dream_host* host, dream_run* run, uint32_t level, dream_str message) noexcept {
  quietly([&] {
    const std::string_view name = level_names[std::min<std::size_t>(level, DREAM_LOG_ERROR)];
    const std::string_view text = view(message, "log message");
    if (run != nullptr)
      run->log(name, text);
    else
      state_of(&checked(host, "host")).log(name, text);
  });
}

}  // namespace

const dream_log_1& log_interface() {
  static constexpr dream_log_1 table = {sizeof(dream_log_1), 0, log};
  return table;
}

}  // namespace dream::worker

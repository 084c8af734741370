#include "host/streams/server_sent_event.hpp"

namespace dream::host {

std::string server_sent_event(std::string_view name, const nlohmann::json& data) {
  std::string event = "event: ";
  event.append(name).append("\ndata: ");
  event += data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return event += "\n\n";
}

}  // namespace dream::host

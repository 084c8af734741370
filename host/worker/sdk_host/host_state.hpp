// The host as templates see it: one dream_host per process, behind which lie the message sink and
// the engine. Lives until the process ends.
#pragma once

#include <dream/abi/host.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "host/worker/sdk_host/annotator_networks.hpp"
#include "host/worker/sdk_host/diffusion_inputs.hpp"
#include "host/worker/sdk_host/engine_library.hpp"

namespace dream::worker {

// Sends one message of protocol.hpp. Any thread.
using Send = std::function<void(const nlohmann::json& message)>;

struct HostState : dream_host {
  explicit HostState(Send send_control);
  HostState(const HostState&) = delete;
  HostState& operator=(const HostState&) = delete;

  // A line of the server's log. level: "debug", "info", "warning", "error".
  void log(std::string_view level, std::string_view message) const;

  Send control;
  DiffusionDefaults defaults;
  std::string weights = "none";
  std::filesystem::path models;  // model store
  std::filesystem::path trainings;  // where trainings keep their checkpoints; empty: nowhere
  engine::EngineOptions engine_options;
  EngineLibrary engine;
  AnnotatorNetworks networks{*this};
};

// The state behind a dream_host that a template hands back.
inline HostState& state_of(const dream_host* host) {
  return *static_cast<HostState*>(const_cast<dream_host*>(host));
}

}  // namespace dream::worker

// What create() gets.
struct dream_setup {
  dream::worker::HostState& host;
  std::string template_name;
};

// One host of this machine for the predictions of one version: started, kept warm, ended.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "host/platform/local_host.hpp"
#include "host/platform/platform_core.hpp"

namespace dream::host {

// What asks a run to end, from other threads.
struct RunFlags {
  std::atomic<bool> is_to_end = false;  // the client wants no more of it
  std::atomic<bool> is_let_go = false;  // this process ends, or the prediction is no longer its own
};

// It cannot serve, and would not another time: the text says why.
struct HostFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Its process went away before it was ready, which another one may not.
struct HostGone : HostFailed {
  using HostFailed::HostFailed;
};

// What it needs is not on this machine; another one on the database may have it.
struct HostLacks : HostFailed {
  using HostFailed::HostFailed;
};

// Belongs to one thread, with which the process ends, but for the calls that say otherwise.
class PredictionHost {
 public:
  // `hardware` "cpu" computes on the CPU, anything else on what there is. Throws HostLacks if its
  // weights or template are not here, and BlobsUnavailable, std::system_error for what may pass.
  PredictionHost(PlatformCore& core, HostKind kind, const std::string& hardware);
  ~PredictionHost();

  // Blocks until its set-up is done; false if `ended` is set before. Throws HostFailed, sql::Error.
  bool set_up(const std::atomic<bool>& ended);

  enum class After {
    goes_on,
    is_broken  // it is to be replaced
  };
  // Blocks until the prediction has ended, or is put back where `flags` let it go. What the host
  // tells meanwhile comes by webhooks to `hear_host`.
  After run(const StoredPrediction& prediction, const RunFlags& flags);

  // Asks the host to cancel; from any thread.
  void cancel(const std::string& prediction) const;
  // From any thread.
  std::uint64_t memory_bytes() const { return resident_bytes(local_->pid()); }
  // How the process ended, if it has.
  std::string end() { return local_->end(); }

 private:
  HostFailed set_up_problem(const std::string& health) const;

  PlatformCore& core_;
  HostKind kind_;
  BlobFile weights_;
  std::filesystem::path ready_file_;
  std::unique_ptr<LocalHost> local_;
};

// Of a template, for people.
std::string not_installed(const std::string& template_name);

// Purposes of capabilities that hosts get.
inline constexpr char host_output_purpose[] = "host-output";
inline constexpr char host_report_purpose[] = "host-report";

// POST of a host about a run, of which `subject` is "ID.ATTEMPT". False if it no longer runs.
bool hear_host(PlatformCore& core, const std::string& subject, const Json& body);

}  // namespace dream::host

// `dream templates check`: the validator of templates. Every check has a worker process of its own,
// so that whatever the template does is one line of the report.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>

#include "host/check/report.hpp"
#include "host/workers/worker_pool.hpp"

namespace dream::host::check {

struct CheckOptions {
  std::filesystem::path file;  // the template, absolute
  WorkerOptions worker;        // program, weights, models, device, dtype, threads
  std::uint64_t seed = 0;      // of the unusual inputs
  int runs = 0;                // with unusual inputs; 0: 40, or 12 of a diffusion template
  std::chrono::milliseconds limit{30'000};  // of a set-up, and of a run
};

// Checks the template. `wait(done)` turns `io` until done() holds (it may throw, which ends the
// check); `on_row` sees each row once it is there. Throws std::system_error if no worker can be
// started.
Report check_template(boost::asio::io_context& io,
                      std::function<void(const std::function<bool()>& done)> wait,
                      const CheckOptions& options, const std::function<void(const Row&)>& on_row);

}  // namespace dream::host::check

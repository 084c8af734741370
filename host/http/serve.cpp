#include "host/http/serve.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <memory>

#include "host/cog/health_checks.hpp"
#include "host/cog/intake.hpp"
#include "host/cog/metrics.hpp"
#include "host/cog/render.hpp"
#include "host/cog/routes.hpp"
#include "host/downloads/fetch_weights.hpp"
#include "host/http/first_weights.hpp"
#include "host/http/server.hpp"
#include "host/predictions/service.hpp"
#include "host/predictions/work_folder.hpp"
#include "host/storage/directory_lock.hpp"
#include "host/storage/outbox.hpp"
#include "host/web/page_routes.hpp"
#include "host/webhooks/webhook_sender.hpp"

namespace dream::host {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds worker_limit{5000};    // to end by themselves
constexpr std::chrono::milliseconds webhook_grace{10000};  // for terminal deliveries

// Each connection is a descriptor; the usual soft limit of 1024 is far below what we can hold.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// What one server at a time may have of a state directory.
struct State {
  explicit State(const std::filesystem::path& folder) : lock(folder), outbox(folder) {}

  DirectoryLock lock;
  Outbox outbox;
};

// Workers keep what they write in the host's folder: it goes with it, and is all they need.
WorkerOptions workers_in(const std::filesystem::path& folder, WorkerOptions options) {
  options.scratch = folder;
  options.sandbox.writable = {folder, "/dev/shm"};
  return options;
}

WebhookPolicy webhook_policy(const ServeOptions& options) {
  WebhookPolicy policy = WebhookPolicy::from_environment();
  policy.keys = options.webhook_keys;
  return policy;
}

std::vector<std::string> names_of(const std::vector<WorkerOptions::Template>& templates) {
  std::vector<std::string> names;
  for (const auto& entry : templates) names.push_back(entry.name);
  return names;
}

class Host {
 public:
  explicit Host(const ServeOptions& options)
      : options_(options),
        state_(options.state_dir.empty() ? nullptr : std::make_unique<State>(options.state_dir)),
        folder_(std::filesystem::temp_directory_path()),
        webhooks_(webhook_policy(options), state_ ? &state_->outbox : nullptr),
        workers_(io_, workers_in(folder_.path(), options.worker)),
        service_(io_, workers_, folder_.path(), options.service),
        intake_(io_, service_, options.downloads),
        health_checks_(io_, workers_),
        first_weights_(io_, options.downloads),
        routes_({workers_, intake_, webhooks_, health_checks_, feeds_, uploader_}, options.cog,
                names_of(options.worker.templates), weights::ModelStore(options.worker.models),
                [this] { shut_down("POST /shutdown"); }),
        metrics_(io_, workers_, options.worker.memory_budget),
        server_(io_, router_),
        signals_(io_, SIGINT, SIGTERM) {
    routes_.add_to(router_);
    metrics_.add_to(router_);
    page_.add_to(router_);
  }

  int run() {
    const int port = server_.listen(options_.host, options_.port);
    spdlog::info("listening on http://{}:{}", options_.host, port);
    await_signal();
    resume_webhooks();
    start_workers();
    io_.run();
    drain_webhooks();
    return 0;
  }

 private:
  void resume_webhooks() {
    const auto count = webhooks_.resume(
        [](const std::string& rendered) { return stopped_body(rendered, Clock::now()); });
    if (count > 0) spdlog::info("sending {} webhook(s) that an earlier server left", count);
  }

  void drain_webhooks() {
    if (!webhooks_.drain(webhook_grace)) spdlog::error("some webhooks could not be delivered");
    if (const std::size_t left = state_ ? state_->outbox.size() : 0; left > 0)
      spdlog::warn("{} webhook(s) are left in the outbox: the next start sends them", left);
  }

  void start_workers() {
    if (!is_weights_url(options_.worker.weights)) return workers_.start();
    first_weights_.fetch(options_.worker.weights, [this](const auto& path, const auto& error) {
      if (stopping_) return;
      if (path.empty()) return workers_.refuse_setup("cannot fetch the weights: " + error);
      workers_.set_weights(path);
      workers_.start();
    });
  }

  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      await_signal();
      if (number == SIGTERM && options_.await_explicit_shutdown) {
        return spdlog::info("SIGTERM ignored: waiting for POST /shutdown");
      }
      shut_down(number == SIGTERM ? "SIGTERM" : "SIGINT");
    });
  }

  // First call: no new connections, requests in work finish, then the workers end. Second: what is
  // still running is canceled.
  void shut_down(const char* reason) {
    if (stopping_) return intake_.cancel_all();
    stopping_ = true;
    spdlog::info("{}: finishing what is in work", reason);
    first_weights_.cancel();
    server_.stop([this] {
      intake_.cancel_all();
      workers_.shutdown(worker_limit, [this] { signals_.cancel(); });
    });
  }

  const ServeOptions& options_;
  std::unique_ptr<State> state_;  // null: no state directory
  WorkFolder folder_;
  asio::io_context io_{1};
  WebhookSender webhooks_;
  WorkerPool workers_;
  PredictionService service_;
  Intake intake_;
  Router router_;
  HealthChecks health_checks_;
  FirstWeights first_weights_;
  FeedHub feeds_;
  Uploader uploader_{io_};
  CogRoutes routes_;
  Metrics metrics_;
  PageRoutes page_{PageConfig{}};
  HttpServer server_;
  asio::signal_set signals_;
  bool stopping_ = false;
};

}  // namespace

int serve(const ServeOptions& options) {
  raise_descriptor_limit();
  try {
    Host host(options);
    return host.run();
  } catch (const ListenError& error) {
    spdlog::error("{}", error.what());
    return error.usage ? 2 : 1;
  } catch (const std::exception& error) {
    spdlog::error("cannot serve: {}", error.what());
    return 1;
  }
}

}  // namespace dream::host

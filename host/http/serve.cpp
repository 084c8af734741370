#include "host/http/serve.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <memory>

#include "host/base/time.hpp"
#include "host/cog/health_checks.hpp"
#include "host/cog/intake.hpp"
#include "host/cog/render.hpp"
#include "host/cog/routes.hpp"
#include "host/downloads/fetch_weights.hpp"
#include "host/http/first_weights.hpp"
#include "host/http/ready_file.hpp"
#include "host/http/server.hpp"
#include "host/http/tls.hpp"
#include "host/predictions/service.hpp"
#include "host/predictions/work_folder.hpp"
#include "host/storage/directory_lock.hpp"
#include "host/storage/outbox.hpp"
#include "host/telemetry/telemetry.hpp"
#include "host/web/page_routes.hpp"
#include "host/webhooks/webhook_sender.hpp"

namespace dream::host {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds worker_limit{5000};    // to end by themselves
constexpr std::chrono::milliseconds webhook_grace{10000};  // for terminal deliveries
constexpr std::chrono::milliseconds answer_limit{5000};    // for last answers to be taken
constexpr std::chrono::milliseconds hurried_limit{1000};   // each of these after a second signal

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

// Workers keep what they write in the host's folder, which goes with it; but for what trainings go
// on from after a crash.
WorkerOptions workers_in(const std::filesystem::path& folder, WorkerOptions options) {
  options.scratch = folder;
  options.sandbox.writable = {folder, "/dev/shm"};
  const bool confined = options.sandbox.read_only_root || !options.sandbox.user.empty();
  if (confined && !options.trainings.empty()) {
    std::filesystem::create_directories(options.trainings);
    SandboxEntry(options.sandbox).hand_over(options.trainings);
    options.sandbox.writable.push_back(options.trainings);
  }
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
        tls_(options.tls.empty() ? nullptr : std::make_unique<Tls>(options.tls)),
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
        server_(io_, router_, {}, tls_.get()),
        telemetry_({io_, workers_, service_, server_, webhooks_, tls_.get()},
                   {DREAM_VERSION, options.revision, names_of(options.worker.templates),
                    options.worker.memory_budget}),
        ready_file_(options.ready_file),
        signals_(io_, SIGINT, SIGTERM),
        hangups_(io_) {
    if (tls_ != nullptr) hangups_.add(SIGHUP);
    routes_.add_to(router_);
    telemetry_.add_to(router_);
    page_.add_to(router_);
    intake_.watch({[this](PredictionRequest& request) { telemetry_.accepted(request); },
                   [this](Intake::Refusal refusal) { telemetry_.refused(refusal); }});
    workers_.on_settled([this] {
      if (workers_.setup().status == "succeeded" && !stopping_) ready_file_.create();
    });
  }

  int run() {
    const int port = server_.listen(options_.host, options_.port);
    const char* const scheme = tls_ == nullptr ? "http" : "https";
    spdlog::info("listening on {}://{}:{}", scheme, options_.host, port);
    ready_file_.remove();
    await_signal();
    if (tls_ != nullptr) await_hangup();
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
    if (!deliver_webhooks()) spdlog::error("some webhooks could not be delivered");
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
      if (std::exchange(signaled_, true)) return hurry();
      shut_down(number == SIGTERM ? "SIGTERM" : "SIGINT");
    });
  }

  void await_hangup() {
    hangups_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      await_hangup();
      try {
        tls_->reload();
        spdlog::info("SIGHUP: the TLS files are read again; the certificate is valid until {}",
                     rfc3339_ms(tls_->not_after()));
      } catch (const TlsError& failure) {
        spdlog::error("SIGHUP: {}; what was read before stays in use", failure.what());
      }
    });
  }

  // Nothing new is accepted, what is in work goes on; what is not through within the limit is
  // canceled. Connections are closed as they come to rest, new ones are told.
  void shut_down(const char* reason) {
    if (std::exchange(stopping_, true)) return;
    spdlog::info("{}: finishing what is in work within {}; a second signal ends at once", reason,
                 seconds_text(options_.drain_limit));
    ready_file_.remove();
    first_weights_.cancel();
    server_.drain();
    limit(options_.drain_limit, [this] {
      spdlog::warn("canceling what did not end within {}", seconds_text(options_.drain_limit));
      service_.cancel_all("Canceled: the server shuts down.");
    });
    service_.close([this] { end(); });
  }

  // No prediction is left: the last answers go out, then the workers end.
  void end() {
    limit(hurried_ ? hurried_limit : answer_limit, [this] { server_.abort(); });
    server_.stop([this] {
      limit_.cancel();
      end_workers();
    });
  }

  void end_workers() {
    workers_end_ = true;
    workers_.shutdown(hurried_ ? std::chrono::milliseconds(0) : worker_limit,
                      [this] { io_.stop(); });
  }

  void hurry() {
    if (std::exchange(hurried_, true)) return;
    spdlog::warn("a second signal: ending at once");
    service_.cancel_all("Canceled: the server was told to end at once.");
    if (workers_end_) return end_workers();
    // A worker that is gone needs no time to obey. What ran in it ends as canceled.
    if (!service_.is_idle()) return workers_.shutdown(std::chrono::milliseconds(0), [] {});
    limit(hurried_limit, [this] { server_.abort(); });
  }

  // Signals still count.
  bool deliver_webhooks() {
    using SteadyClock = std::chrono::steady_clock;
    const auto begin = SteadyClock::now();
    io_.restart();
    while (!webhooks_.drain(std::chrono::milliseconds(50))) {
      io_.poll();
      if (SteadyClock::now() - begin > (hurried_ ? hurried_limit : webhook_grace)) return false;
    }
    return true;
  }

  // One at a time.
  void limit(std::chrono::milliseconds after, std::function<void()> action) {
    limit_.expires_after(after);
    limit_.async_wait([action = std::move(action)](const boost::system::error_code& error) {
      if (!error) action();
    });
  }

  const ServeOptions& options_;
  std::unique_ptr<Tls> tls_;
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
  PageRoutes page_{PageConfig{}};
  HttpServer server_;
  Telemetry telemetry_;
  ReadyFile ready_file_;
  asio::signal_set signals_;
  asio::signal_set hangups_;  // under TLS
  asio::steady_timer limit_{io_};  // of the shutdown's present part
  bool stopping_ = false;
  bool signaled_ = false;
  bool hurried_ = false;
  bool workers_end_ = false;
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
  } catch (const TlsError& error) {
    spdlog::error("{}", error.what());
    return 2;
  } catch (const std::exception& error) {
    spdlog::error("cannot serve: {}", error.what());
    return 1;
  }
}

}  // namespace dream::host

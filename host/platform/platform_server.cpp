#include "host/platform/platform_server.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <csignal>

#include "host/http/server.hpp"
#include "host/platform/api.hpp"
#include "host/platform/collector.hpp"
#include "host/platform/event_streams.hpp"
#include "host/platform/file_answer.hpp"
#include "host/platform/prediction_engine.hpp"
#include "host/platform/replicate_api.hpp"
#include "host/platform/step_engine.hpp"
#include "host/telemetry/platform_metrics.hpp"
#include "host/web/page_routes.hpp"

namespace dream::host {
namespace {

namespace asio = boost::asio;

constexpr std::size_t api_threads = 4;     // for what waits for the database alone
constexpr std::size_t other_threads = 16;  // for what may wait for others
constexpr std::chrono::milliseconds look_every{100};  // for what an answer waits for

class PlatformServer {
 public:
  PlatformServer(const PlatformOptions& options, const SigningKeys& keys,
                 const MakeImages& make_images)
      : options_(options),
        core_(options, make_images(options)),
        engine_(core_, keys),
        predictions_(core_),
        collector_(core_),
        api_(core_, [this] { engine_.wake(); }),
        replicate_api_(core_, [this] { predictions_.wake(); }, [this] { engine_.wake(); }),
        server_(io_, router_),
        signals_(io_, SIGINT, SIGTERM) {
    add_routes();
  }

  ~PlatformServer() {
    pool_.join();
    others_.join();
  }

  int run() {
    const int port = server_.listen(options_.host, options_.port);
    core_.local_url = "http://" + server_.local_authority();
    core_.own_url = options_.public_url.empty() ? core_.local_url : options_.public_url;
    const bool is_six = options_.host.find(':') != std::string::npos;
    spdlog::info("platform on http://{}{}{}:{}", is_six ? "[" : "", options_.host,
                 is_six ? "]" : "", port);
    if (options_.accounts.empty())
      spdlog::info("there are no tokens (DREAM_API_TOKENS): whoever reaches this address may do "
                   "everything, so it is one of this machine alone");
    engine_.start();
    predictions_.start();
    collector_.start();
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) shut_down();
    });
    io_.run();
    return 0;
  }

 private:
  void shut_down() {
    spdlog::info("ending: what runs goes on with the next start");
    // Before anything is refused to its hosts: what fails for that is not the prediction's failure.
    predictions_.let_go();
    streams_.close_all();
    core_.blobs->stop();
    is_ending_ = true;
    server_.stop([this] { signals_.cancel(); });
    // A second signal does not wait for slow clients.
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) io_.stop();
    });
  }

  void add_routes() {
    const AddRoute add([this](const char* method, const char* pattern, ApiHandler handler,
                              WaitsFor waits) {
      router_.add(method, pattern, handled(limited(method, pattern, std::move(handler)), waits));
    });
    const AddUpload add_upload = [this](const char* method, const char* pattern,
                                        Router::SinkOpener open, ApiHandler handler) {
      router_.add_upload(method, pattern, std::move(open),
                         handled(limited(method, pattern, std::move(handler)),
                                 WaitsFor::others));
    };
    api_.add_routes(add, add_upload);
    replicate_api_.add_routes(add, add_upload);
    router_.add("GET", "/metrics", [this](std::shared_ptr<Exchange> exchange) {
      const HttpCounts connections = server_.counts();  // of this thread
      handled([this, connections](Request& request) -> ApiAnswer {
        options_.accounts.of(request);  // whoever has a token
        return {{200, metrics_type, platform_metrics(read_totals(core_.pool), connections,
                                                     core_.retention.totals())}};
      }, WaitsFor::database)(std::move(exchange));
    });
    router_.add("GET", "/streams/{capability}", [this](std::shared_ptr<Exchange> exchange) {
      streams_.open(std::move(exchange));
    });
    page_.add_to(router_);
  }

  // What tokens ask for has a rate; without tokens there is one user, who may ask as he likes.
  ApiHandler limited(std::string_view method, std::string_view pattern, ApiHandler handler) {
    // The URL of a download is signed: whoever has it needs no token.
    if (!pattern.starts_with("/v1/") || pattern.ends_with("/download") ||
        options_.accounts.empty())
      return handler;
    const bool makes = method == "POST" && pattern.ends_with("/predictions");
    return [this, makes, handler = std::move(handler)](Request& request) {
      const Caller caller = options_.accounts.caller(request);
      const auto taken =
          rates_.take(caller.token, makes, RateLimiter::Clock::now(),
                      makes ? caller.quota.prediction_rate : caller.quota.request_rate);
      ApiAnswer answer = taken.allowed ? answer_of(handler, request) : throttled(taken);
      if (!taken.is_limited) return answer;
      auto& headers = answer.response.headers;
      headers.emplace_back("ratelimit-remaining", std::to_string(taken.remaining));
      headers.emplace_back("ratelimit-reset", std::to_string(taken.reset_s));
      return answer;
    };
  }

  static ApiAnswer throttled(const RateLimiter::Taken& taken) {
    Refusal refusal(429, fmt::format("Request was throttled. Your rate limit resets in ~{}s.",
                                     taken.reset_s));
    refusal.retry_after_s = taken.reset_s;
    return {problem_answer(refusal)};
  }

  // On a thread of a pool; the answer goes out from here.
  Handler handled(ApiHandler handler, WaitsFor waits) {
    asio::thread_pool& pool = waits == WaitsFor::database ? pool_ : others_;
    return [this, &pool, handler = std::move(handler)](std::shared_ptr<Exchange> exchange) {
      asio::post(pool, [this, handler, exchange = std::move(exchange)]() mutable {
        auto answer = answer_of(handler, exchange->request());
        asio::post(io_, [this, exchange = std::move(exchange),
                         answer = std::move(answer)]() mutable {
          if (answer.patience)
            await(exchange, answer.patience);
          else if (answer.file)
            send_file(*exchange, std::move(answer));
          else
            exchange->respond(std::move(answer.response));
        });
      });
    };
  }

  struct Awaiting {
    std::shared_ptr<Exchange> exchange;
    std::shared_ptr<ApiPatience> patience;
    std::chrono::steady_clock::time_point limit;
    asio::steady_timer timer;
    bool is_gone = false;
  };

  // Looks until there is an answer, the time is over, the client has gone or we end.
  void await(std::shared_ptr<Exchange> exchange, std::shared_ptr<ApiPatience> patience) {
    const auto limit = std::chrono::steady_clock::now() + patience->limit;
    const auto awaiting = std::make_shared<Awaiting>(
        Awaiting{std::move(exchange), std::move(patience), limit, asio::steady_timer(io_)});
    awaiting->exchange->on_disconnect([weak = std::weak_ptr(awaiting)] {
      if (const auto gone = weak.lock()) gone->is_gone = true;
    });
    look(awaiting);
  }

  void look(const std::shared_ptr<Awaiting>& awaiting) {
    const bool is_over = is_ending_ || std::chrono::steady_clock::now() >= awaiting->limit;
    asio::post(pool_, [this, awaiting, is_over] {
      const ApiHandler ask = [&](Request&) {
        auto there = awaiting->patience->look(is_over);
        return there ? ApiAnswer{std::move(*there)} : ApiAnswer{.response = {.status = 0}};
      };
      ApiAnswer answer = answer_of(ask, awaiting->exchange->request());
      asio::post(io_, [this, awaiting, answer = std::move(answer)]() mutable {
        if (answer.response.status != 0)
          return awaiting->exchange->respond(std::move(answer.response));
        if (awaiting->is_gone) return;
        awaiting->timer.expires_after(look_every);
        awaiting->timer.async_wait([this, awaiting](const boost::system::error_code& error) {
          if (!error) look(awaiting);
        });
      });
    });
  }

  const PlatformOptions& options_;
  asio::io_context io_{1};
  asio::thread_pool pool_{api_threads};
  asio::thread_pool others_{other_threads};
  PlatformCore core_;
  StepEngine engine_;
  PredictionEngine predictions_;
  Collector collector_;
  PlatformApi api_;
  ReplicateApi replicate_api_;
  RateLimiter rates_{options_.limits.rates};
  bool is_ending_ = false;
  Router router_;
  EventStreams streams_{io_, pool_, core_};
  PageRoutes page_ = PageRoutes::of_platform();
  HttpServer server_;
  asio::signal_set signals_;
};

}  // namespace

int serve_platform(const PlatformOptions& options, const SigningKeys& keys,
                   const MakeImages& make_images) {
  try {
    PlatformServer server(options, keys, make_images);
    return server.run();
  } catch (const ListenError& error) {
    spdlog::error("{}", error.what());
    return error.usage ? 2 : 1;
  } catch (const std::exception& error) {
    spdlog::error("the platform cannot serve: {}", error.what());
    return 1;
  }
}

}  // namespace dream::host

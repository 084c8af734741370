#include "host/platform/platform_server.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>
#include <csignal>
#include <fstream>

#include "host/http/server.hpp"
#include "host/platform/api.hpp"
#include "host/platform/step_engine.hpp"
#include "host/platform/training_stream.hpp"
#include "host/telemetry/platform_metrics.hpp"
#include "host/web/page_routes.hpp"

namespace dream::host {
namespace {

namespace asio = boost::asio;

constexpr std::size_t api_threads = 4;
constexpr std::size_t piece_bytes = 256U << 10;  // of a file that is served

// Sends a file piece by piece, as fast as its reader takes it.
void send_file(Exchange& exchange, ApiAnswer answer) {
  if (exchange.request().method == "HEAD") return exchange.respond(std::move(answer.response));
  const auto file = std::make_shared<std::ifstream>(answer.file->path, std::ios::binary);
  exchange.begin_stream(std::move(answer.response), [file, held = answer.file->hold] {
    const auto piece = std::make_shared<std::string>(piece_bytes, '\0');
    file->read(piece->data(), static_cast<std::streamsize>(piece->size()));
    piece->resize(static_cast<std::size_t>(file->gcount()));
    return BodyPiece{piece, !*file};
  });
}

class PlatformServer {
 public:
  PlatformServer(const PlatformOptions& options, const SigningKeys& keys,
                 const MakeImages& make_images)
      : options_(options),
        core_(options, make_images(options)),
        engine_(core_, keys),
        api_(core_, [this] { engine_.wake(); }),
        server_(io_, router_),
        signals_(io_, SIGINT, SIGTERM) {
    add_routes();
  }

  ~PlatformServer() { pool_.join(); }

  int run() {
    const int port = server_.listen(options_.host, options_.port);
    const bool everywhere = options_.host == "0.0.0.0" || options_.host == "::";
    core_.own_url = !options_.public_url.empty()
                        ? options_.public_url
                        : fmt::format("http://{}:{}", everywhere ? "127.0.0.1" : options_.host,
                                      port);
    spdlog::info("platform on http://{}:{}", options_.host, port);
    if (options_.accounts.empty())
      spdlog::info("there are no tokens (DREAM_API_TOKENS): whoever reaches this address may do "
                   "everything, so it is one of this machine alone");
    engine_.start();
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) shut_down();
    });
    io_.run();
    return 0;
  }

 private:
  void shut_down() {
    spdlog::info("ending: what runs goes on with the next start");
    streams_.close_all();
    core_.blobs->stop();
    server_.stop([this] { signals_.cancel(); });
    // A second signal does not wait for slow clients.
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) io_.stop();
    });
  }

  void add_routes() {
    api_.add_routes(
        [this](const char* method, const char* pattern, PlatformApi::Handler handler) {
          router_.add(method, pattern, handled(std::move(handler)));
        },
        [this](const char* pattern, Router::SinkOpener open, PlatformApi::Handler handler) {
          router_.add_upload("PUT", pattern, std::move(open), handled(std::move(handler)));
        });
    router_.add("GET", "/metrics", [this](std::shared_ptr<Exchange> exchange) {
      const HttpCounts connections = server_.counts();  // of this thread
      handled([this, connections](Request& request) -> ApiAnswer {
        options_.accounts.of(request);  // whoever has a token
        return {{200, metrics_type, platform_metrics(read_totals(core_.pool), connections)}};
      })(std::move(exchange));
    });
    router_.add("GET", "/streams/{capability}", [this](std::shared_ptr<Exchange> exchange) {
      streams_.open(std::move(exchange));
    });
    page_.add_to(router_);
  }

  // On a thread of the pool; the answer goes out from here.
  Handler handled(PlatformApi::Handler handler) {
    return [this, handler = std::move(handler)](std::shared_ptr<Exchange> exchange) {
      asio::post(pool_, [this, handler, exchange = std::move(exchange)]() mutable {
        auto answer = PlatformApi::answer_of(handler, exchange->request());
        asio::post(io_, [exchange = std::move(exchange), answer = std::move(answer)]() mutable {
          if (answer.file)
            send_file(*exchange, std::move(answer));
          else
            exchange->respond(std::move(answer.response));
        });
      });
    };
  }

  const PlatformOptions& options_;
  asio::io_context io_{1};
  asio::thread_pool pool_{api_threads};
  PlatformCore core_;
  StepEngine engine_;
  PlatformApi api_;
  Router router_;
  TrainingStreams streams_{io_, pool_, core_};
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

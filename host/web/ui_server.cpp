#include "host/web/ui_server.hpp"

#include <curl/curl.h>
#include <spdlog/spdlog.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <memory>
#include <stdexcept>

#include "host/http/server.hpp"
#include "host/web/page_routes.hpp"
#include "host/web/proxy.hpp"

namespace dream::host {
namespace {

namespace asio = boost::asio;

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

// Only this machine can reach a server that listens there.
bool is_loopback(const std::string& host) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  return error ? host == "localhost" : address.is_loopback();
}

}  // namespace

std::string server_address(const std::string& url) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
  if (parsed == nullptr) throw std::bad_alloc();
  const bool valid = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK;
  const std::string scheme = valid ? part_of(parsed.get(), CURLUPART_SCHEME) : "";
  if (scheme != "http" && scheme != "https") {
    throw std::invalid_argument("'" + url + "' is not the address of a server: give one such as "
                                "http://localhost:5000");
  }
  curl_url_set(parsed.get(), CURLUPART_QUERY, nullptr, 0);
  curl_url_set(parsed.get(), CURLUPART_FRAGMENT, nullptr, 0);
  std::string address = part_of(parsed.get(), CURLUPART_URL);
  while (address.ends_with('/')) address.pop_back();
  return address;
}

int serve_ui(const UiOptions& options) {
  try {
    asio::io_context io(1);
    Router router;
    PageRoutes page({.api = "api/", .server = options.target});
    page.add_to(router);
    router.add("GET", "/", [](const std::shared_ptr<Exchange>& exchange) {
      exchange->respond({.status = 307, .headers = {{"location", "ui"}}});
    });
    Proxy proxy(io, options.target, is_loopback(options.host));
    proxy.add_to(router);
    HttpServer server(io, router);
    const int port = server.listen(options.host, options.port);
    spdlog::info("playground of {}: http://{}:{}/ui", options.target, options.host, port);
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code& error, int) {
      if (!error) io.stop();  // a page being watched does not hold the program
    });
    io.run();
    return 0;
  } catch (const ListenError& error) {
    spdlog::error("{}", error.what());
    return error.usage ? 2 : 1;
  }
}

}  // namespace dream::host

// The certificate and key that a server shows its clients, read from files and read again while it
// runs: TLS 1.2 and 1.3, HTTP/1.1 by ALPN.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>

#include "host/http/tls_files.hpp"

namespace dream::host {

// A file cannot be used; the message names it, and what to do.
struct TlsError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Tls {
 public:
  // Throws TlsError: for files that cannot be read or hold no certificate or key, a key with a
  // passphrase, a key of another certificate, a certificate that is not valid now.
  explicit Tls(TlsFiles files);

  // Reads the files again. Connections that are open keep what they have. Throws TlsError, and then
  // nothing has changed.
  void reload();

  // For the next connection.
  const std::shared_ptr<boost::asio::ssl::context>& context() const { return loaded_.context; }
  // When the certificate ends.
  std::chrono::system_clock::time_point not_after() const { return loaded_.not_after; }

 private:
  struct Loaded {
    std::shared_ptr<boost::asio::ssl::context> context;
    std::chrono::system_clock::time_point not_after;
  };
  static Loaded load(const TlsFiles& files);

  TlsFiles files_;
  Loaded loaded_;
};

}  // namespace dream::host

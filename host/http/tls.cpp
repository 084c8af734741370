#include "host/http/tls.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>

#include "host/base/time.hpp"

namespace dream::host {
namespace {

namespace ssl = boost::asio::ssl;
using std::chrono::system_clock;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

std::string contents(const std::filesystem::path& path, const char* what) {
  const auto fail = [&](int reason) {
    throw TlsError(fmt::format("TLS {} '{}' cannot be read: {}", what, path.string(),
                               std::generic_category().message(reason)));
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) fail(EISDIR);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) fail(errno);
  return {std::istreambuf_iterator<char>(file), {}};
}

Bio reading(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Called for a key that has a passphrase; there is none to give.
int note_passphrase(char*, int, int, void* is_encrypted) {
  *static_cast<bool*>(is_encrypted) = true;
  return -1;
}

Key read_key(const std::string& text, const std::filesystem::path& path) {
  bool is_encrypted = false;
  Key key(PEM_read_bio_PrivateKey(reading(text).get(), nullptr, note_passphrase, &is_encrypted));
  ERR_clear_error();
  if (is_encrypted)
    throw TlsError(fmt::format("TLS key '{}' is encrypted: give one without a passphrase "
                               "(openssl pkey -in KEY -out PLAIN_KEY)",
                               path.string()));
  if (key == nullptr)
    throw TlsError(fmt::format("TLS key '{}' holds no private key in PEM", path.string()));
  return key;
}

system_clock::time_point time_of(const ASN1_TIME* time) {
  std::tm utc{};
  ASN1_TIME_to_tm(time, &utc);
  return system_clock::from_time_t(::timegm(&utc));
}

Certificate read_certificate(const std::string& text, const std::filesystem::path& path) {
  Certificate certificate(PEM_read_bio_X509(reading(text).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (certificate == nullptr)
    throw TlsError(fmt::format("TLS certificate '{}' holds no certificate in PEM", path.string()));
  const auto now = system_clock::now();
  const auto begin = time_of(X509_get0_notBefore(certificate.get()));
  const auto end = time_of(X509_get0_notAfter(certificate.get()));
  if (now >= end)
    throw TlsError(fmt::format("TLS certificate '{}' has expired: it was valid until {}",
                               path.string(), rfc3339_ms(end)));
  if (now < begin)
    throw TlsError(fmt::format("TLS certificate '{}' is not valid yet, but from {} on",
                               path.string(), rfc3339_ms(begin)));
  return certificate;
}

// A client that speaks nothing but what we do not is told so.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr unsigned char ours[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  const int result = SSL_select_next_proto(&found, size, ours, sizeof ours - 1, offered,
                                           offered_size);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::shared_ptr<ssl::context> new_context() {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);  // thousands of connections wait
  SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);
  return context;
}

}  // namespace

Tls::Tls(TlsFiles files) : files_(std::move(files)), loaded_(load(files_)) {}

void Tls::reload() {
  loaded_ = load(files_);
}

Tls::Loaded Tls::load(const TlsFiles& files) {
  const std::string chain = contents(files.certificate, "certificate");
  const std::string key_text = contents(files.key, "key");
  const Certificate certificate = read_certificate(chain, files.certificate);
  const Key key = read_key(key_text, files.key);
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    throw TlsError(fmt::format("TLS key '{}' is not the key of the certificate '{}'",
                               files.key.string(), files.certificate.string()));
  }
  Loaded loaded{new_context(), time_of(X509_get0_notAfter(certificate.get()))};
  boost::system::error_code error;
  loaded.context->use_certificate_chain(boost::asio::buffer(chain), error);
  if (!error)
    loaded.context->use_private_key(boost::asio::buffer(key_text), ssl::context::pem, error);
  if (error)
    throw TlsError(fmt::format("TLS certificate '{}' and key '{}' cannot be used: {}",
                               files.certificate.string(), files.key.string(), error.message()));
  return loaded;
}

}  // namespace dream::host

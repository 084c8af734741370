#include "host/oci/digest.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <vector>

#include "host/base/text.hpp"
#include "host/oci/errors.hpp"

namespace dream::host::oci {

struct Sha256::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(evp); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  if (context_->evp == nullptr || EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) != 1)
    throw Error("SHA-256 cannot start");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> data) {
  if (EVP_DigestUpdate(context_->evp, data.data(), data.size()) != 1) throw Error("SHA-256 failed");
}

Digest Sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (EVP_DigestFinal_ex(context_->evp, bytes.data(), &size) != 1) throw Error("SHA-256 failed");
  std::string text(Digest::prefix);
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes[i]);
  return *Digest::parse(text);
}

std::optional<Digest> Digest::parse(std::string_view text) {
  if (!text.starts_with(prefix) || !is_sha256_hex(text.substr(prefix.size()))) return std::nullopt;
  return Digest(std::string(text));
}

Digest Digest::of(std::string_view bytes) {
  Sha256 sum;
  sum.update(std::as_bytes(std::span(bytes)));
  return sum.finish();
}

Digest digest_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> buffer(1 << 20);
  Sha256 sum;
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    sum.update(std::as_bytes(std::span(buffer)).first(static_cast<std::size_t>(file.gcount())));
  }
  if (!file.is_open() || file.bad()) throw Error(fmt::format("{}: cannot be read", path.string()));
  return sum.finish();
}

}  // namespace dream::host::oci

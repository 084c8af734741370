// Where a server finds its certificate and key.
#pragma once

#include <filesystem>

namespace dream::host {

struct TlsFiles {
  std::filesystem::path certificate;  // PEM: the server's own, then those between it and the root
  std::filesystem::path key;          // PEM, without a passphrase

  bool empty() const { return certificate.empty() && key.empty(); }
};

}  // namespace dream::host

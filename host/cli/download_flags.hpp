// The flags of commands that fetch what an input names by URL: where it is kept, and from where it
// may come.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "host/downloads/download_cache.hpp"

namespace dream::host {

struct DownloadFlags {
  std::string folder;
  std::uint64_t most_bytes = CacheOptions().most_bytes;

  void add_to(CLI::App& app);
  CacheOptions options(AddressRule addresses) const;
};

// What a server that listens on `host` may fetch unless it is told otherwise. Others than the users
// of this machine reach one that listens on more than the loopback: it keeps to public addresses.
// Behind the loopback the clients could reach the machine's networks themselves, but for the
// metadata service of a cloud, which answers on a link-local address and hands out credentials.
AddressRule default_address_rule(const std::string& host);

}  // namespace dream::host

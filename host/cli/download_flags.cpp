#include "host/cli/download_flags.hpp"

#include <boost/asio/ip/address.hpp>

#include "host/base/paths.hpp"
#include "host/cog/download.hpp"

namespace dream::host {

void DownloadFlags::add_to(CLI::App& app) {
  app.add_option("--download-cache", folder,
                 "Where weights from URLs are kept (default ~/.cache/dream/downloads)")
      ->envname("DREAM_DOWNLOAD_CACHE")
      ->type_name("DIR");
  app.add_option("--download-cache-size", most_bytes,
                 "How much of them at most, e.g. 10GB; the least recently used go (default 32GB)")
      ->envname("DREAM_DOWNLOAD_CACHE_SIZE")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
}

CacheOptions DownloadFlags::options(AddressRule addresses) const {
  CacheOptions options;
  options.folder = folder.empty() ? default_download_cache() : std::filesystem::path(folder);
  options.most_bytes = most_bytes;
  options.addresses = addresses;
  options.user_agent = download_user_agent();
  return options;
}

AddressRule default_address_rule(const std::string& host) {
  boost::system::error_code not_numeric;
  const auto address = boost::asio::ip::make_address(host, not_numeric);
  const bool loopback = not_numeric ? host == "localhost" : address.is_loopback();
  return loopback ? AddressRule::no_link_local : AddressRule::public_only;
}

}  // namespace dream::host

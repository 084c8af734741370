// Arbitrary text as a data URL. What is taken must come out the same when it is put into one again;
// a refusal must not quote the payload.
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "host/base/base64.hpp"
#include "host/cog/data_url.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dream::host;
  const std::string_view url(reinterpret_cast<const char*>(data), size);
  DataUrl parsed;
  try {
    parsed = parse_data_url(url);
  } catch (const std::invalid_argument& refusal) {
    require(std::string_view(refusal.what()).size() < 100);
    return 0;
  }
  require(is_data_url(url) && !parsed.media_type.empty());
  require(parsed.bytes.size() <= url.size());
  const std::string encoded = base64_encode(parsed.bytes);
  require(base64_decode(encoded) == parsed.bytes);
  const bool plain = parsed.media_type.find_first_of(",;") == std::string::npos;
  require(plain);
  const DataUrl again = parse_data_url("data:" + parsed.media_type + ";base64," + encoded);
  require(again.bytes == parsed.bytes && again.media_type == parsed.media_type);
  return 0;
}

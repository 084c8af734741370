// Arbitrary text where clients and servers name files: data URLs, URLs, Content-Disposition,
// references with a strength, the state of a download that was cut.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "host/cog/data_url.hpp"
#include "host/downloads/file_name.hpp"
#include "host/downloads/range_plan.hpp"
#include "weights/store/model_store.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_name(const std::string& name) {
  require(name.size() <= 200 && name != "." && name != "..");
  require(name.find('/') == std::string::npos && name.find('\0') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dream;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string name = host::file_name_of_url(text);
  require(!name.empty());
  check_name(name);
  check_name(host::file_name_of_disposition(text));
  try {
    require(host::parse_data_url(text).bytes.size() <= size);
  } catch (const std::invalid_argument&) {
  }
  const auto reference = weights::parse_scaled_reference(text);
  require(text.starts_with(reference.reference));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded()) return 0;
  if (const auto plan = host::plan_from_json(json)) {
    std::uint64_t sum = 0;
    for (const auto& range : plan->ranges) {
      require(range.done <= range.end - range.begin);
      sum += range.end - range.begin;
    }
    require(sum == plan->bytes);
  }
  return 0;
}

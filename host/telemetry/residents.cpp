#include "host/telemetry/residents.hpp"

#include <map>
#include <string>
#include <tuple>

namespace dream::host {
namespace {

using nlohmann::json;

struct Sum {
  double bytes = 0, uses = 0;
  bool in_use = false;
};
// A series may stand there once, though two LoRAs of different places may have one name.
using Sums = std::map<std::tuple<std::size_t, std::string, std::string>, Sum>;

Sums sums_of(const std::vector<json>& answers) {
  Sums sums;
  for (std::size_t worker = 0; worker < answers.size(); ++worker) {
    for (const auto& entry : answers[worker].value("residents", json::array())) {
      Sum& sum = sums[{worker, entry.at("kind"), entry.at("name")}];
      sum.bytes += entry.at("bytes").get<double>();
      sum.uses += entry.at("uses").get<double>();
      sum.in_use = sum.in_use || entry.at("in_use").get<bool>();
    }
  }
  return sums;
}

void add_devices(Families& families, const std::vector<json>& answers) {
  const auto each = [&](const char* key) {
    for (std::size_t worker = 0; worker < answers.size(); ++worker) {
      const json device = answers[worker].value("device_memory", json());
      if (!device.is_object()) continue;
      families.sample({{"worker", std::to_string(worker)}, {"device", device.at("device")}},
                      device.at(key).get<double>());
    }
  };
  families.gauge("dream_device_memory_used_bytes",
                 "Memory of the worker's device that is taken, by whoever.");
  each("used_bytes");
  families.gauge("dream_device_memory_size_bytes", "Memory that the worker's device has.");
  each("total_bytes");
}

}  // namespace

void add_residents(Families& families, std::int64_t budget_bytes,
                   const std::vector<json>& answers) {
  const Sums sums = sums_of(answers);
  const auto each = [&](const auto& value_of) {
    for (const auto& [key, sum] : sums) {
      const auto& [worker, kind, name] = key;
      families.sample({{"worker", std::to_string(worker)}, {"kind", kind}, {"name", name}},
                      value_of(sum));
    }
  };
  families.gauge("dream_memory_budget_bytes",
                 "What each worker may keep in memory between requests; 0 is no limit.");
  families.sample({}, static_cast<double>(budget_bytes));
  families.gauge("dream_resident_bytes", "Memory of each thing a worker keeps.");
  each([](const Sum& sum) { return sum.bytes; });
  families.gauge("dream_resident_in_use", "1 while a request uses it.");
  each([](const Sum& sum) { return sum.in_use ? 1.0 : 0.0; });
  families.counter("dream_resident_uses_total", "Uses since it came into memory.");
  each([](const Sum& sum) { return sum.uses; });
  add_devices(families, answers);
}

}  // namespace dream::host

#include "host/cog/metrics.hpp"

#include <fmt/format.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <tuple>

namespace dream::host {
namespace {

// A worker that hangs must not hang those who want to know about it.
constexpr std::chrono::seconds limit{2};

std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? "\\n" : std::string(1, c);
  }
  return text;
}

}  // namespace

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void MetricsText::sample(const Labels& labels, double value) {
  std::string list;
  for (const auto& [key, text] : labels)
    list += fmt::format("{}{}=\"{}\"", list.empty() ? "" : ",", key, escaped(text));
  text_ += fmt::format("{}{} {}\n", name_, list.empty() ? "" : "{" + list + "}", value);
}

void write_residents(MetricsText& metrics, std::int64_t budget_bytes,
                     const std::vector<nlohmann::json>& answers) {
  struct Sum {
    double bytes = 0, uses = 0;
    bool in_use = false;
  };
  // A series may stand there once, though two LoRAs of different places may have one name.
  std::map<std::tuple<std::size_t, std::string, std::string>, Sum> things;
  for (std::size_t worker = 0; worker < answers.size(); ++worker) {
    for (const auto& entry : answers[worker].value("residents", nlohmann::json::array())) {
      Sum& sum = things[{worker, entry.at("kind"), entry.at("name")}];
      sum.bytes += entry.at("bytes").get<double>();
      sum.uses += entry.at("uses").get<double>();
      sum.in_use = sum.in_use || entry.at("in_use").get<bool>();
    }
  }
  const auto each = [&](const auto& value_of) {
    for (const auto& [key, sum] : things) {
      const auto& [worker, kind, name] = key;
      metrics.sample({{"worker", std::to_string(worker)}, {"kind", kind}, {"name", name}},
                     value_of(sum));
    }
  };
  metrics.family("dream_memory_budget_bytes", "gauge",
                 "What each worker may keep in memory between requests; 0 is no limit.");
  metrics.sample({}, static_cast<double>(budget_bytes));
  metrics.family("dream_resident_bytes", "gauge", "Memory of each thing a worker keeps.");
  each([](const Sum& sum) { return sum.bytes; });
  metrics.family("dream_resident_in_use", "gauge", "1 while a request uses it.");
  each([](const Sum& sum) { return sum.in_use ? 1.0 : 0.0; });
  metrics.family("dream_resident_uses_total", "counter", "Uses since it came into memory.");
  each([](const Sum& sum) { return sum.uses; });
}

void Metrics::add_to(Router& router) {
  router.add("GET", "/metrics",
             [this](const std::shared_ptr<Exchange>& exchange) { answer(exchange); });
}

void Metrics::answer(const std::shared_ptr<Exchange>& exchange) {
  const auto timer = std::make_shared<boost::asio::steady_timer>(io_, limit);
  const auto reply = [this, exchange, timer, answered = std::make_shared<bool>(false),
                      guard = std::weak_ptr(alive_)](const std::vector<nlohmann::json>& answers) {
    if (guard.expired() || std::exchange(*answered, true)) return;
    timer->cancel();
    MetricsText metrics;
    write_residents(metrics, budget_bytes_, answers);
    for (const auto& source : sources_) source(metrics);
    exchange->respond({200, "text/plain; version=0.0.4; charset=utf-8", metrics.text()});
  };
  timer->async_wait([reply](const auto& error) {
    if (!error) reply({});
  });
  workers_.request_all({{"type", "residents"}}, reply);
}

}  // namespace dream::host

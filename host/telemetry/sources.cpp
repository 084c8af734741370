#include "host/telemetry/sources.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include "host/telemetry/process.hpp"

namespace dream::host {

void add_load(Families& families, const PredictionService& service) {
  const auto load = service.load();
  const auto sample = [&](const char* stage, std::size_t count) {
    families.sample({{"stage", stage}}, static_cast<double>(count));
  };
  families.gauge("dream_predictions_in_progress",
                 "Predictions that fetch their inputs, wait for a slot, run or upload.");
  sample("preparing", load.preparing);
  sample("waiting", load.waiting);
  sample("running", load.running);
  families.gauge("dream_queue_size", "How many predictions may wait for a slot (--queue).");
  families.sample({}, static_cast<double>(service.queue_size()));
  families.gauge("dream_queue_longest_wait_seconds",
                 "How long the one has waited that waits longest.");
  families.sample({}, load.longest_wait_s);
  families.gauge("dream_draining", "1 while the server shuts down: it accepts nothing new.");
  families.sample({}, service.is_closed() ? 1 : 0);
}

void add_workers(Families& families, const WorkerPool& workers) {
  families.gauge("dream_health", "1 for the state that GET /health-check shows.");
  const Health now = workers.health();
  for (const Health health : {Health::starting, Health::ready, Health::busy, Health::setup_failed,
                              Health::unhealthy, Health::defunct})
    families.sample({{"status", std::string(to_string(health))}}, health == now ? 1 : 0);
  families.gauge("dream_slots", "How many predictions can run at a time in workers that are up.");
  families.sample({}, static_cast<double>(workers.capacity()));
  families.counter("dream_worker_restarts_total", "Workers started in the place of one that died.");
  families.sample({}, static_cast<double>(workers.respawns()));

  const auto pids = workers.process_ids();
  const auto each = [&](const auto& value_of) {
    for (std::size_t worker = 0; worker < pids.size(); ++worker)
      if (const auto use = pids[worker] > 0 ? process_use(pids[worker]) : std::nullopt)
        families.sample({{"worker", std::to_string(worker)}}, value_of(*use));
  };
  families.gauge("dream_worker_resident_memory_bytes", "Memory that a worker has in RAM.");
  each([](const ProcessUse& use) { return static_cast<double>(use.resident_bytes); });
  families.counter("dream_worker_cpu_seconds_total", "Processor time of a worker.");
  each([](const ProcessUse& use) { return use.cpu_s; });
}

void add_connections(Families& families, const HttpCounts& counts) {
  families.gauge("dream_http_connections", "Open connections of clients.");
  families.sample({}, static_cast<double>(counts.connections));
  families.gauge("dream_http_streams", "Answers that are being streamed (server-sent events).");
  families.sample({}, static_cast<double>(counts.streams));
  families.counter("dream_http_connections_accepted_total", "Connections that were accepted.");
  families.sample({}, static_cast<double>(counts.accepted));
  families.counter("dream_http_responses_total", "Answers by the class of their status.");
  for (std::size_t hundreds = 1; hundreds <= counts.answers.size(); ++hundreds)
    families.sample({{"code", std::to_string(hundreds) + "xx"}},
                    static_cast<double>(counts.answers[hundreds - 1]));
}

void add_certificate(Families& families, std::chrono::system_clock::time_point not_after) {
  families.gauge("dream_tls_certificate_not_after_seconds",
                 "When the server's certificate ends, since the Unix epoch.");
  families.sample({}, std::chrono::duration<double>(not_after.time_since_epoch()).count());
}

void add_webhooks(Families& families, const WebhookSender::Counts& counts) {
  families.counter("dream_webhooks_total", "Webhooks by what became of them.");
  families.sample({{"outcome", "delivered"}}, static_cast<double>(counts.delivered));
  families.sample({{"outcome", "failed"}}, static_cast<double>(counts.failed));
  families.counter("dream_webhook_retries_total", "Attempts that were made again later.");
  families.sample({}, static_cast<double>(counts.retried));
  families.gauge("dream_webhooks_pending", "Last events of predictions still to be delivered.");
  families.sample({}, static_cast<double>(counts.pending));
}

void add_build(Families& families, const std::string& version, const std::string& revision) {
  families.gauge("dream_build_info", "1; the labels say what this build is.");
  families.sample({{"version", version}, {"revision", revision}}, 1);
}

void add_process(Families& families) {
  const auto use = process_use(getpid()).value_or(ProcessUse{});
  const auto one = [&](double value) { families.sample({}, value); };
  families.counter("process_cpu_seconds_total", "Processor time of the server, without workers.");
  one(use.cpu_s);
  families.gauge("process_resident_memory_bytes", "Memory that the server has in RAM.");
  one(static_cast<double>(use.resident_bytes));
  families.gauge("process_virtual_memory_bytes", "Address space of the server.");
  one(static_cast<double>(use.virtual_bytes));
  families.gauge("process_start_time_seconds", "When the server started, since the Unix epoch.");
  static const double start_s = process_start_time_s(getpid());
  one(start_s);
  families.gauge("process_open_fds", "Descriptors that the server has open.");
  one(static_cast<double>(open_descriptors()));
  families.gauge("process_max_fds", "How many it may have open.");
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  one(static_cast<double>(limit.rlim_cur));
}

}  // namespace dream::host

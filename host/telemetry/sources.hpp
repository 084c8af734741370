// What is read off the parts of the server when somebody asks: how much is in work, the workers,
// connections, webhooks, the process itself.
#pragma once

#include <chrono>
#include <string>

#include "host/http/server.hpp"
#include "host/predictions/service.hpp"
#include "host/telemetry/families.hpp"
#include "host/webhooks/webhook_sender.hpp"
#include "host/workers/worker_pool.hpp"

namespace dream::host {

void add_load(Families& families, const PredictionService& service);
void add_workers(Families& families, const WorkerPool& workers);
void add_connections(Families& families, const HttpCounts& counts);
void add_certificate(Families& families, std::chrono::system_clock::time_point not_after);
void add_webhooks(Families& families, const WebhookSender::Counts& counts);
void add_build(Families& families, const std::string& version, const std::string& revision);
// The names that every Prometheus client library uses: process_….
void add_process(Families& families);

}  // namespace dream::host

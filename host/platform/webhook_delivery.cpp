// The half of StepEngine that delivers webhooks from the outbox.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "host/platform/http_call.hpp"
#include "host/platform/step_engine.hpp"
#include "host/platform/webhook_secret.hpp"
#include "host/webhooks/curl.hpp"

namespace dream::host {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds timeout{30000};
constexpr milliseconds look{500};

// 1, 2, 4 … 256 seconds, then every 10 minutes: about 2 hours in all.
Micros pause_after(std::int64_t attempt) {
  if (attempt > 9) return 600'000'000;
  return 1'000'000LL << std::max<std::int64_t>(0, attempt - 1);
}

// The receiver may take it later. Redirects are not followed: a receiver that moved would otherwise
// get a GET without a body.
bool worth_a_retry(const HttpReply& reply) {
  const long status = reply.status;
  if (status == 0) return !reply.refused;
  return status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501);
}

}  // namespace

void StepEngine::deliver_webhooks() {
  const Micros lease =
      std::chrono::duration_cast<std::chrono::microseconds>(core_.options.lease).count();
  while (wait(milliseconds(0))) {
    std::optional<Delivery> delivery;
    guarded("looking for webhooks",
            [&] { delivery = core_.deliveries.claim(core_.instance, lease); });
    delivering_ = delivery.has_value();
    if (!delivery) {
      wait(look);
      continue;
    }
    guarded("delivering a webhook", [&] { deliver(*delivery); });
  }
}

// With the account's own secret too, which its clients can ask for.
std::string StepEngine::signature(const Delivery& delivery, std::chrono::seconds now) {
  std::string all = keys_.sign(delivery.id, now, delivery.body);
  if (delivery.account.empty()) return all;
  const auto own = SigningKeys::parse(webhook_secret(core_.pool, delivery.account));
  return all + (all.empty() ? "" : " ") + own.sign(delivery.id, now, delivery.body);
}

void StepEngine::deliver(const Delivery& delivery) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  HttpCall post{.method = "POST", .url = delivery.url, .timeout = timeout};
  post.headers = {"Content-Type: application/json", "webhook-id: " + delivery.id,
                  "webhook-timestamp: " + std::to_string(now.count()),
                  "webhook-signature: " + signature(delivery, now)};
  post.body = delivery.body;
  post.addresses = core_.options.addresses;
  post.follow_redirects = false;
  post.canceled = &ending_;
  const HttpReply reply = call(post);
  const std::string shown = url_for_logs(delivery.url);
  if (reply.status >= 200 && reply.status < 300) {
    core_.deliveries.delivered(delivery, reply.status);
    spdlog::info("webhook {} about {}: delivered", shown, delivery.subject);
    return;
  }
  if (reply.status == 0 && ending_)
    return core_.deliveries.refused(delivery, std::nullopt, "the platform ended", now_micros());
  const std::string problem =
      reply.status == 0 ? reply.error : fmt::format("the receiver answered {}", reply.status);
  const bool again = worth_a_retry(reply) && delivery.attempt < delivery.tries;
  spdlog::warn("webhook {} about {}: {}{}", shown, delivery.subject, problem,
               again ? "" : "; given up");
  core_.deliveries.refused(
      delivery, reply.status == 0 ? std::nullopt : std::optional<std::int64_t>(reply.status),
      problem, again ? std::optional<Micros>(now_micros() + pause_after(delivery.attempt))
                     : std::nullopt);
}

}  // namespace dream::host

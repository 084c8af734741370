#include "host/platform/webhook_delivery.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "host/platform/http_call.hpp"
#include "host/platform/webhook_secret.hpp"
#include "host/webhooks/curl.hpp"

namespace dream::host {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds timeout{30000};
constexpr milliseconds look{500};
constexpr std::size_t at_once = 16;      // of all receivers
constexpr int most_of_one = 4;   // of one receiver that answers quickly
constexpr int most_slow = 8;     // of all that do not
constexpr milliseconds slow{2000};
constexpr std::chrono::minutes remembered{10};  // how quickly a receiver answered

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

WebhookDelivery::WebhookDelivery(PlatformCore& core, SigningKeys keys)
    : core_(core), keys_(std::move(keys)) {}

WebhookDelivery::~WebhookDelivery() {
  stop();
}

void WebhookDelivery::start() {
  threads_.emplace_back([this] { hand_out(); });
  for (std::size_t i = 0; i < at_once; ++i) threads_.emplace_back([this] { work(); });
}

void WebhookDelivery::stop() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void WebhookDelivery::wake() {
  {
    const std::lock_guard lock(mutex_);
    ++wakes_;
  }
  changed_.notify_all();
}

std::vector<std::string> WebhookDelivery::under_way() {
  const std::lock_guard lock(mutex_);
  return {running_.begin(), running_.end()};
}

// Those that have as many under way as they may. With the mutex held.
std::vector<std::string> WebhookDelivery::full_receivers() {
  const auto now = Clock::now();
  std::erase_if(receivers_, [&](const auto& each) {
    return each.second.running == 0 && now - each.second.seen > remembered;
  });
  int held_by_slow = 0;
  for (const auto& [name, receiver] : receivers_)
    held_by_slow += receiver.pace == Pace::slow ? receiver.running : 0;
  std::vector<std::string> full;
  for (const auto& [name, receiver] : receivers_) {
    const bool is_slow = receiver.pace == Pace::slow;
    if (receiver.running >= (receiver.pace == Pace::quick ? most_of_one : 1) ||
        (is_slow && held_by_slow >= most_slow))
      full.push_back(name);
  }
  return full;
}

// One thread asks the database, and only when somebody is free to deliver.
void WebhookDelivery::hand_out() {
  const Micros lease =
      std::chrono::duration_cast<std::chrono::microseconds>(core_.options.lease).count();
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (running_.size() >= at_once) {
      changed_.wait(lock, [&] { return ending_ || running_.size() < at_once; });
      continue;
    }
    const auto full = full_receivers();
    const auto seen = wakes_;
    lock.unlock();
    std::optional<Delivery> delivery;
    try {
      delivery = core_.deliveries.claim(core_.instance, lease, full);
    } catch (const std::exception& error) {
      spdlog::error("looking for webhooks: {}", error.what());
    }
    lock.lock();
    if (delivery) {
      running_.insert(delivery->id);
      Receiver& receiver = receivers_[delivery->receiver];
      ++receiver.running;
      waiting_.push_back(std::move(*delivery));
      changed_.notify_all();
    } else {
      changed_.wait_for(lock, look, [&] { return ending_ || wakes_ != seen; });
    }
  }
}

void WebhookDelivery::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Delivery delivery = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const auto begun = Clock::now();
    try {
      deliver(delivery);
    } catch (const std::exception& error) {  // its lease runs out, and it is delivered again
      spdlog::error("delivering a webhook: {}", error.what());
    }
    lock.lock();
    running_.erase(delivery.id);
    Receiver& receiver = receivers_[delivery.receiver];
    --receiver.running;
    receiver.seen = Clock::now();
    receiver.pace = receiver.seen - begun > slow ? Pace::slow : Pace::quick;
    ++wakes_;
    changed_.notify_all();
  }
}

// With the account's own secret too, which its clients can ask for.
std::string WebhookDelivery::signature(const Delivery& delivery, std::chrono::seconds now) {
  std::string all = keys_.sign(delivery.id, now, delivery.body);
  if (delivery.account.empty()) return all;
  const auto own = SigningKeys::parse(webhook_secret(core_.pool, delivery.account));
  return all + (all.empty() ? "" : " ") + own.sign(delivery.id, now, delivery.body);
}

void WebhookDelivery::deliver(const Delivery& delivery) {
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

#include "host/webhooks/webhook_sender.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "host/base/ids.hpp"
#include "host/base/time.hpp"
#include "host/webhooks/curl.hpp"
#include "host/webhooks/webhook_request.hpp"

namespace dream::host {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr int most_doublings = 10;       // of the pause between attempts
constexpr int most_doublings_kept = 13;  // of one that the outbox has

std::string new_message_id() {
  return "msg_" + new_id();
}

OutboxEntry entry_of(const std::string& id, const WebhookTarget& target) {
  return {id, target.prediction_id, target.url, target.traceparent, target.tracestate};
}

struct Delivery {
  std::string id;
  std::string body;  // empty if `kept` and not read yet
  bool terminal = false;
  bool kept = false;     // the outbox has its body
  bool awaited = false;  // whoever drains waits for it
  system_clock::time_point due = {};
};

}  // namespace

struct WebhookSender::Line {
  WebhookTarget target;
  std::string end_id;          // of the terminal delivery, known before that is
  std::deque<Delivery> queue;  // front: being delivered
  std::size_t queued_bytes = 0;
  int attempts = 0;  // of the front
  bool in_flight = false;
  Clock::time_point not_before;
};

struct WebhookSender::Attempt {
  std::shared_ptr<Line> line;
  Delivery delivery;  // its request reads the body in place
  WebhookRequest request = {};
};

struct WebhookSender::State {
  State(WebhookPolicy rules, Outbox* kept_in)
      : policy(std::move(rules)), outbox(kept_in), multi(curl_multi_init()) {
    thread = std::thread([this] { run(); });
  }
  ~State() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    curl_multi_wakeup(multi);
    thread.join();
    for (auto& [handle, attempt] : attempts) curl_multi_remove_handle(multi, handle);
    attempts.clear();
    curl_multi_cleanup(multi);
  }

  void append(const std::shared_ptr<Line>& line, Delivery delivery);
  void run();
  milliseconds start_due();  // result: time until the next one is due
  Attempt take(const std::shared_ptr<Line>& line) const;
  void begin(Attempt attempt);
  void put_on_the_wire(Attempt& attempt);
  bool collect();  // whether any attempt has ended
  void settle(Line& line, const Delivery& delivery, const WebhookOutcome& outcome);
  bool wait_for_retry(Line& line, const WebhookOutcome& outcome);
  void pop(Line& line);
  void forget_updates(Line& line);

  const WebhookPolicy policy;
  Outbox* const outbox;  // or null
  CURLM* const multi;
  std::thread thread;
  std::unordered_map<CURL*, Attempt> attempts;  // of the thread alone

  std::mutex mutex;
  std::condition_variable changed;
  std::list<std::shared_ptr<Line>> lines;  // with work
  std::size_t awaited = 0;                 // deliveries that drain() waits for
  Counts counts;
  bool stopping = false;
};

WebhookSender::WebhookSender(WebhookPolicy policy, Outbox* outbox)
    : state_(std::make_unique<State>(std::move(policy), outbox)) {}

WebhookSender::~WebhookSender() = default;

std::shared_ptr<WebhookSender::Line> WebhookSender::open(WebhookTarget target) {
  auto line = std::make_shared<Line>();
  line->target = std::move(target);
  line->end_id = new_message_id();
  return line;
}

bool WebhookSender::has_outbox() const {
  return state_->outbox != nullptr;
}

void WebhookSender::expect(const Line& line, std::string_view body) {
  if (has_outbox()) state_->outbox->keep(entry_of(line.end_id, line.target), body, std::nullopt);
}

void WebhookSender::send(const std::shared_ptr<Line>& line, std::string body, bool terminal) {
  Delivery delivery{terminal ? line->end_id : new_message_id(), std::move(body), terminal};
  delivery.due = system_clock::now();
  delivery.awaited = terminal;
  delivery.kept =
      terminal && has_outbox() &&
      state_->outbox->keep(entry_of(delivery.id, line->target), delivery.body, delivery.due);
  state_->append(line, std::move(delivery));
}

std::size_t WebhookSender::resume(const std::function<std::string(const std::string&)>& finish) {
  if (!has_outbox()) return 0;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Line>> lines;
  const auto waiting = state_->outbox->recover(finish);
  for (const auto& [entry, due] : waiting) {
    auto& line = lines[{entry.subject, entry.url}];
    if (line == nullptr)
      line = open({entry.url, entry.traceparent, entry.tracestate, entry.subject});
    state_->append(
        line,
        {.id = entry.id, .body = {}, .terminal = true, .kept = true, .awaited = true, .due = due});
  }
  return waiting.size();
}

bool WebhookSender::drain(milliseconds limit) {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, limit, [this] { return state_->awaited == 0; });
}

void WebhookSender::State::append(const std::shared_ptr<Line>& line, Delivery delivery) {
  {
    const std::lock_guard lock(mutex);
    if (line->queue.empty()) lines.push_back(line);
    line->queued_bytes += delivery.body.size();
    if (delivery.awaited) ++awaited;
    line->queue.push_back(std::move(delivery));
    if (line->queued_bytes > policy.max_queued_bytes) forget_updates(*line);
  }
  curl_multi_wakeup(multi);
}

WebhookSender::Counts WebhookSender::counts() const {
  const std::lock_guard lock(state_->mutex);
  Counts counts = state_->counts;
  for (const auto& line : state_->lines)
    counts.pending += std::ranges::count(line->queue, true, &Delivery::terminal);
  return counts;
}

void WebhookSender::State::run() {
  while (true) {
    const milliseconds wait = start_due();
    {
      const std::lock_guard lock(mutex);
      if (stopping) return;
    }
    int running = 0;
    curl_multi_perform(multi, &running);
    if (collect()) continue;  // the next delivery of that line may be due
    curl_multi_poll(multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
  }
}

milliseconds WebhookSender::State::start_due() {
  milliseconds wait(10000);
  std::vector<Attempt> due;
  {
    const std::lock_guard lock(mutex);
    const auto now = Clock::now();
    for (const auto& line : lines) {
      if (line->in_flight) continue;
      if (line->not_before > now)
        wait = std::min(wait, std::chrono::ceil<milliseconds>(line->not_before - now));
      else if (attempts.size() + due.size() < policy.max_in_flight)
        due.push_back(take(line));
    }
  }
  for (auto& attempt : due) begin(std::move(attempt));
  return wait;
}

// What the outbox has need not be in memory too; it is read again for the next attempt.
WebhookSender::Attempt WebhookSender::State::take(const std::shared_ptr<Line>& line) const {
  line->in_flight = true;
  ++line->attempts;
  Delivery& front = line->queue.front();
  if (!front.kept) return {line, front};
  line->queued_bytes -= front.body.size();
  std::string body = std::exchange(front.body, {});
  Attempt attempt{line, front};
  attempt.delivery.body = std::move(body);
  return attempt;
}

void WebhookSender::State::begin(Attempt attempt) {
  WebhookOutcome failure{.transient = true, .answered = false};
  const auto line = attempt.line;
  const Delivery delivery{attempt.delivery.id, {}, attempt.delivery.terminal};
  try {
    if (attempt.delivery.kept && attempt.delivery.body.empty()) {
      auto body = outbox->body(attempt.delivery.id);
      if (!body) throw std::runtime_error("its body cannot be read from the outbox");
      attempt.delivery.body = std::move(*body);
    }
    return put_on_the_wire(attempt);
  } catch (const std::exception& error) {
    failure.text = error.what();
  }
  settle(*line, delivery, failure);
}

void WebhookSender::State::put_on_the_wire(Attempt& attempt) {
  attempt.request =
      webhook_request(attempt.line->target, policy, attempt.delivery.id, attempt.delivery.body);
  CURL* const curl = attempt.request.handle.get();
  Attempt& kept = attempts.emplace(curl, std::move(attempt)).first->second;
  kept.request.send_body(kept.delivery.body);
  curl_multi_add_handle(multi, curl);
}

bool WebhookSender::State::collect() {
  bool any = false;
  int left = 0;
  while (CURLMsg* const message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* const curl = message->easy_handle;
    const WebhookOutcome outcome = webhook_outcome(curl, message->data.result);
    curl_multi_remove_handle(multi, curl);
    const auto attempt = attempts.extract(curl);
    settle(*attempt.mapped().line, attempt.mapped().delivery, outcome);
    any = true;
  }
  return any;
}

// Decides what follows an attempt: the next delivery of the line, or the same again later.
void WebhookSender::State::settle(Line& line, const Delivery& delivery,
                                  const WebhookOutcome& outcome) {
  {
    const std::lock_guard lock(mutex);
    line.in_flight = false;
    if (!outcome.sent && wait_for_retry(line, outcome)) return;
    ++(outcome.sent ? counts.delivered : counts.failed);
    if (!outcome.sent) {
      const auto level = delivery.terminal ? spdlog::level::err : spdlog::level::warn;
      spdlog::log(level, "webhook {}: {}; given up", url_for_logs(line.target.url), outcome.text);
      if (!outcome.answered) forget_updates(line);  // they would only delay the terminal one
    }
    pop(line);
  }
  if (delivery.terminal && outbox != nullptr) outbox->remove(delivery.id);
}

bool WebhookSender::State::wait_for_retry(Line& line, const WebhookOutcome& outcome) {
  Delivery& front = line.queue.front();
  const bool in_time = front.kept ? system_clock::now() < front.due + policy.kept_for
                                  : line.attempts <= policy.max_retries;
  if (!front.terminal || !outcome.transient || !in_time) return false;
  const int most = front.kept ? most_doublings_kept : most_doublings;
  const milliseconds least = policy.backoff * (1 << std::min(line.attempts, most));
  const milliseconds pause =
      std::clamp<milliseconds>(outcome.retry_after, least, policy.backoff * (1 << most));
  line.not_before = Clock::now() + pause;
  ++counts.retried;
  if (front.kept && std::exchange(front.awaited, false)) {
    --awaited;
    changed.notify_all();
  }
  spdlog::warn("webhook {}: {}; attempt {}, again in {}", url_for_logs(line.target.url),
               outcome.text, line.attempts, seconds_text(pause));
  return true;
}

void WebhookSender::State::pop(Line& line) {
  if (line.queue.front().awaited) --awaited;
  line.queued_bytes -= line.queue.front().body.size();
  line.queue.pop_front();
  line.attempts = 0;
  line.not_before = {};
  if (line.queue.empty()) {
    lines.remove_if([&](const auto& other) { return other.get() == &line; });
  }
  changed.notify_all();
}

// Drops what is only an update, but the front, which is on its way: later snapshots contain it.
void WebhookSender::State::forget_updates(Line& line) {
  auto& queue = line.queue;
  for (std::size_t i = 1; i + 1 < queue.size();) {
    if (queue[i].terminal) {
      ++i;
      continue;
    }
    line.queued_bytes -= queue[i].body.size();
    queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace dream::host

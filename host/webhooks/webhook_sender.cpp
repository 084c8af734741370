#include "host/webhooks/webhook_sender.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "host/webhooks/curl.hpp"

namespace dream::host {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr char user_agent[] = "dream/" DREAM_VERSION;

struct Delivery {
  std::string body;
  bool terminal = false;
};

bool worth_a_retry(long status) {
  static constexpr std::array<long, 5> statuses{429, 500, 502, 503, 504};
  return std::find(statuses.begin(), statuses.end(), status) != statuses.end();
}

}  // namespace

struct WebhookSender::Line {
  WebhookTarget target;
  std::deque<Delivery> queue;  // front: being delivered
  std::size_t queued_bytes = 0;
  int attempts = 0;
  bool in_flight = false;
  Clock::time_point not_before;
};

// One attempt on the wire.
struct Attempt {
  std::shared_ptr<WebhookSender::Line> line;
  CurlHandle handle;
  CurlHeaders headers;
  std::string body;  // libcurl reads it in place
};

struct WebhookSender::State {
  explicit State(WebhookPolicy rules) : policy(std::move(rules)), multi(curl_multi_init()) {
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 128L);
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

  void run();
  milliseconds start_due();  // result: time until the next one is due
  void begin(const std::shared_ptr<Line>& line);
  bool collect();  // whether any attempt has ended
  void finish(Line& line, CURLcode result, long status);
  void pop(Line& line);
  void forget_updates(Line& line);

  const WebhookPolicy policy;
  CURLM* const multi;
  std::thread thread;
  std::unordered_map<CURL*, Attempt> attempts;  // of the thread alone

  std::mutex mutex;
  std::condition_variable changed;
  std::list<std::shared_ptr<Line>> lines;  // with work
  std::size_t terminals = 0;               // not yet through
  Counts counts;
  bool stopping = false;
};

WebhookPolicy WebhookPolicy::from_environment() {
  WebhookPolicy policy;
  if (const char* token = std::getenv("WEBHOOK_AUTH_TOKEN")) policy.bearer_token = token;
  return policy;
}

WebhookSender::WebhookSender(WebhookPolicy policy)
    : state_(std::make_unique<State>(std::move(policy))) {}

WebhookSender::~WebhookSender() = default;

std::shared_ptr<WebhookSender::Line> WebhookSender::open(WebhookTarget target) {
  auto line = std::make_shared<Line>();
  line->target = std::move(target);
  return line;
}

void WebhookSender::send(const std::shared_ptr<Line>& line, std::string body, bool terminal) {
  {
    const std::lock_guard lock(state_->mutex);
    if (line->queue.empty()) state_->lines.push_back(line);
    line->queued_bytes += body.size();
    line->queue.push_back({std::move(body), terminal});
    if (terminal) ++state_->terminals;
    if (line->queued_bytes > state_->policy.max_queued_bytes) state_->forget_updates(*line);
  }
  curl_multi_wakeup(state_->multi);
}

bool WebhookSender::drain(milliseconds limit) {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, limit, [this] { return state_->terminals == 0; });
}

WebhookSender::Counts WebhookSender::counts() const {
  const std::lock_guard lock(state_->mutex);
  Counts counts = state_->counts;
  counts.pending = state_->terminals;
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
  const std::lock_guard lock(mutex);
  const auto now = Clock::now();
  milliseconds wait(10000);
  for (const auto& line : lines) {
    if (line->in_flight) continue;
    if (line->not_before <= now) {
      begin(line);
    } else {
      const auto left = std::chrono::ceil<milliseconds>(line->not_before - now);
      wait = std::min(wait, left);
    }
  }
  return wait;
}

void WebhookSender::State::begin(const std::shared_ptr<Line>& line) {
  Attempt attempt{line, new_curl(line->target.url, user_agent), nullptr, line->queue.front().body};
  CURL* const curl = attempt.handle.get();
  add_header(attempt.headers, "Content-Type: application/json");
  add_header(attempt.headers, "Expect:");
  if (!policy.bearer_token.empty())
    add_header_if_sound(attempt.headers, "Authorization", "Bearer " + policy.bearer_token);
  add_header_if_sound(attempt.headers, "traceparent", line->target.traceparent);
  add_header_if_sound(attempt.headers, "tracestate", line->target.tracestate);
  line->in_flight = true;
  ++line->attempts;
  Attempt& kept = attempts.emplace(curl, std::move(attempt)).first->second;
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, kept.headers.get());
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, kept.body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(kept.body.size()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(policy.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard_body);
  curl_multi_add_handle(multi, curl);
}

bool WebhookSender::State::collect() {
  bool any = false;
  int left = 0;
  while (CURLMsg* const message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* const curl = message->easy_handle;
    const CURLcode result = message->data.result;
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(multi, curl);
    const auto attempt = attempts.extract(curl);
    const std::lock_guard lock(mutex);
    finish(*attempt.mapped().line, result, status);
    any = true;
  }
  return any;
}

// Decides what follows an attempt: the next delivery of the line, or the same again later.
void WebhookSender::State::finish(Line& line, CURLcode result, long status) {
  line.in_flight = false;
  const bool sent = result == CURLE_OK && status >= 200 && status < 300;
  const bool terminal = line.queue.front().terminal;
  const std::string outcome =
      result == CURLE_OK ? "status " + std::to_string(status) : curl_easy_strerror(result);
  const bool transient =
      result == CURLE_OK ? worth_a_retry(status)
                         : result != CURLE_UNSUPPORTED_PROTOCOL && result != CURLE_URL_MALFORMAT;
  if (!sent && terminal && transient && line.attempts <= policy.max_retries) {
    ++counts.retried;
    line.not_before = Clock::now() + policy.backoff * (1 << std::min(line.attempts, 10));
    spdlog::warn("webhook {}: {}; attempt {} of {}", line.target.url, outcome, line.attempts,
                 policy.max_retries + 1);
    return;
  }
  ++(sent ? counts.delivered : counts.failed);
  if (!sent) {
    spdlog::log(terminal ? spdlog::level::err : spdlog::level::warn, "webhook {}: {}; given up",
                line.target.url, outcome);
    if (result != CURLE_OK) forget_updates(line);  // they would only delay the terminal one
  }
  pop(line);
}

void WebhookSender::State::pop(Line& line) {
  if (line.queue.front().terminal) --terminals;
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

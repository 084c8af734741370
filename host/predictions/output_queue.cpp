#include "host/predictions/output_queue.hpp"

#include <utility>

namespace dream::host {

OutputQueue::OutputQueue(PublishFile publish, Events events)
    : publish_(std::move(publish)), events_(std::move(events)) {}

OutputQueue::~OutputQueue() {
  *abandoned_ = true;
}

void OutputQueue::add(OutputItem item) {
  if (item.path.empty() && waiting_.empty()) return events_.ready(std::move(item));
  const auto waiting = std::make_shared<Waiting>();
  waiting->item = std::move(item);
  waiting->is_ready = waiting->item.path.empty();
  waiting_.push_back(waiting);
  if (waiting->is_ready) return;
  publish_(waiting->item, abandoned_,
           [this, waiting, abandoned = abandoned_](const std::string& url,
                                                   const std::string& error) {
             if (!*abandoned) published(*waiting, url, error);
           });
}

void OutputQueue::published(Waiting& waiting, const std::string& url, const std::string& error) {
  if (url.empty()) {
    if (std::exchange(has_failed_, true)) return;
    waiting_.clear();  // what is behind it would come out of order
    const auto guard = abandoned_;
    events_.failed(error);  // may destroy us
    if (!*guard) events_.empty();
    return;
  }
  waiting.item.value = url;
  waiting.item.path.clear();
  waiting.is_ready = true;
  if (!has_failed_) hand_out();
}

void OutputQueue::hand_out() {
  const auto guard = abandoned_;
  while (!waiting_.empty() && waiting_.front()->is_ready) {
    const auto next = waiting_.front();
    waiting_.pop_front();
    events_.ready(std::move(next->item));
    if (*guard) return;  // an observer ended the prediction
  }
  if (waiting_.empty()) events_.empty();
}

}  // namespace dream::host

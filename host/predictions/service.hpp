// What serves predictions, seen from above: HTTP routes and `dream predict` both talk to this. It
// decides who may come in, who waits and who runs next, and holds the deadlines. Lives on the
// host's one io_context thread, as everything in the host but webhook delivery and downloads.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/predictions/prediction.hpp"
#include "host/workers/worker_pool.hpp"

namespace dream::host {

struct PredictionRequest {
  std::string id;  // made by the service when empty
  std::string template_name;
  std::string entry = "predict";  // or "train", if the template has a trainer
  nlohmann::json input;           // as the client sent it: shown in snapshots, secrets masked
  nlohmann::json resolved_input;  // validated, defaults filled in, files as local paths
  std::map<std::string, std::string> context = {};  // what the client said beside the inputs
  std::vector<Prediction::Observer> observers;
  PublishFile publish = {};  // empty: files of the output are shown as they are
  bool previews = false;     // somebody wants to see it being drawn
  // From its creation, time in the queue included; then it is canceled.
  std::optional<std::chrono::milliseconds> cancel_after = {};
  std::function<void(const Snapshot&)> taken_in = {};  // before it can start; throws nothing
  std::function<void()> withdraw = {};  // takes back what was prepared, if it is refused
};

struct ServiceOptions {
  std::size_t queue = 0;  // how many may wait for a slot; 0: who finds none free is refused
  std::chrono::milliseconds run_limit{0};  // a run that takes longer fails; 0: no limit
};

class PredictionService {
 public:
  // The folders of predictions lie in `folder`. All three must outlive the service.
  PredictionService(boost::asio::io_context& io, WorkerPool& workers, std::filesystem::path folder,
                    ServiceOptions options = {});
  ~PredictionService();  // predictions that have not ended get no terminal event
  PredictionService(const PredictionService&) = delete;
  PredictionService& operator=(const PredictionService&) = delete;

  enum class Refusal { none, not_ready, busy, draining };
  struct Created {
    std::shared_ptr<Prediction> prediction;  // null when refused
    Refusal refusal = Refusal::none;
  };
  // Whether accept() would take one in of this template.
  Refusal room(const std::string& template_name) const;
  // Takes a prediction in or refuses it, at once. One that is taken in sees exactly one terminal
  // event, whatever becomes of the workers; none comes before this returns. It has its place in the
  // line from now on, but waits for release(). All of `request` but resolved_input is moved from.
  // Throws std::invalid_argument for a template that is not served.
  //
  // Places: as many predictions as there are slots, of one template no more than it runs at a time,
  // and `queue` more. While a worker that died comes back, those of the queue alone.
  Created accept(PredictionRequest& request);
  // Its inputs are there: it runs as soon as a slot is free for its template, those first that were
  // taken in first. Nothing happens if it has ended.
  void release(const std::shared_ptr<Prediction>& prediction, nlohmann::json resolved_input);
  // Both in one. With a free slot, `start` has been emitted when this returns.
  Created create(PredictionRequest request);

  // The prediction with this id that has not ended, the youngest of several, or null.
  std::shared_ptr<Prediction> find(std::string_view id) const;
  // One that does not run yet ends at once, one that runs when its worker has heard of it. False if
  // there is none with this id.
  bool cancel(std::string_view id);
  // All that are there, each with a last line in its logs.
  void cancel_all(std::string_view why);
  // Accepts nothing any more. `idle` runs once, soon, when all that were accepted have ended.
  void close(std::function<void()> idle);
  bool is_closed() const { return closed_; }
  bool is_idle() const { return jobs_.empty(); }  // nothing is in work

  // How many there are in each stage: waiting for their inputs, for a slot, running (or, the run
  // being over, with files on their way).
  struct Load {
    std::size_t preparing = 0;
    std::size_t waiting = 0;
    std::size_t running = 0;
    double longest_wait_s = 0;  // for a slot, of those that wait now
  };
  Load load() const;
  std::size_t queue_size() const { return options_.queue; }

 private:
  enum class Stage { preparing, waiting, running };
  struct Job;
  using Jobs = std::list<std::unique_ptr<Job>>;

  std::shared_ptr<Prediction> make_prediction(PredictionRequest& request);
  void publish_with(const std::shared_ptr<Prediction>& prediction, PublishFile publish);
  Job* job_of(const Prediction& prediction) const;
  void dispatch();
  Job* first_that_may_run() const;
  void start(Job& job);
  void fail_those_that_wait();
  void tell_places();
  void limit(Job& job, std::chrono::milliseconds after, std::function<void(Prediction&)> action);
  void stop(Prediction& prediction, const Outcome& outcome);
  void tell_idle();

  boost::asio::io_context& io_;
  WorkerPool& workers_;
  std::filesystem::path folder_;
  ServiceOptions options_;
  Jobs jobs_;  // in the order they were taken in, until they end
  bool closed_ = false;
  std::function<void()> idle_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // expires with us: guards observers
};

}  // namespace dream::host

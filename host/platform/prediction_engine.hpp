// Runs the predictions of versions on hosts of this machine. The tables are the truth: this may end
// at any point, and another, or the next one, goes on.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/platform/prediction_host.hpp"

namespace dream::host {

class PredictionEngine {
 public:
  explicit PredictionEngine(PlatformCore& core) : core_(core) {}
  ~PredictionEngine();  // as stop()

  void start();
  // Begins nothing more, and puts back what runs, so that others can take it at once. Returns
  // before that is done.
  void let_go();
  // let_go(), ends the hosts, and waits for them.
  void stop();
  // There is something new to look at: no need to wait for the next look.
  void wake();

 private:
  using Clock = std::chrono::steady_clock;

  // One thread, one host, one prediction at a time.
  struct Slot {
    HostKind kind;
    std::string hardware;
    HostView::State state = HostView::State::starting;
    Micros since = 0;
    std::atomic<bool> ending = false;  // after what it runs
    std::shared_ptr<PredictionHost> host = nullptr;
    bool gone = false;
    std::thread thread = {};
  };

  void manage();
  void make_plan();
  struct Wishes {
    std::vector<HostWish> list;
    std::map<std::string, Deployment> deployments;  // by full name
    std::vector<HostKind> lacking;                // no host of this machine can be
  };
  Wishes wishes();
  static bool is_outdated(const Slot& slot, const Wishes& wanted);
  void start_host(const HostKind& kind, const std::string& hardware);
  void join_gone();

  struct Trouble {
    enum class Kind { none, passing, lacking, final } kind = Kind::none;
    std::string text;
  };
  void serve(Slot& slot);
  Trouble serve_until_gone(Slot& slot);
  void note(const Slot& slot, const Trouble& trouble);
  bool is_served_beside(const Slot& slot) const;
  bool is_alone() const;
  void give_up(const HostKind& kind, const std::string& problem, Micros before);
  void give_up_lacking(const HostKind& kind, const std::string& problem);
  bool is_paused(const HostWish& wish);
  std::shared_ptr<PredictionHost> ready_host(Slot& slot);
  void serve_predictions(Slot& slot);
  PredictionHost::After run(Slot& slot, const StoredPrediction& prediction);
  void set_state(Slot& slot, HostView::State state);

  void tend();
  void look_after_runs();
  // Id and attempt: one that was taken from a host may run on another before the first lets go.
  using RunKey = std::pair<std::string, std::int64_t>;
  struct Run {
    std::string id;
    std::int64_t attempt = 0;
    std::shared_ptr<RunFlags> flags;
    std::shared_ptr<PredictionHost> host;
    Clock::time_point asked_to_end = {};  // first
    Clock::time_point told_to_end = {};   // last
  };
  void look_after(Run& run, const std::vector<PredictionQueue::Held>& held);

  bool wait(std::chrono::milliseconds time);
  void guarded(const char* what, const std::function<void()>& work);

  PlatformCore& core_;
  std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  bool stopping_ = false;
  std::uint64_t wakes_ = 0;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::map<RunKey, Run> runs_;
  // Kinds of hosts that could not be set up.
  struct Pause {
    Micros until = 0;
    bool is_for_all = false;  // also where predictions wait
  };
  std::map<std::string, Pause> pauses_;
  std::vector<std::thread> threads_;

  // Of the thread that tends.
  Clock::time_point renewed_at_ = {};
  std::map<RunKey, int> strays_;  // held, but run by nobody: seen so often
};

}  // namespace dream::host

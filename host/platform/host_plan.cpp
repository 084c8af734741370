#include "host/platform/host_plan.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace dream::host {
namespace {

using State = HostView::State;

class Planner {
 public:
  Planner(const std::vector<HostView>& hosts, const std::vector<HostWish>& wishes,
          const HostBounds& bounds, Micros now)
      : hosts_(hosts), wishes_(wishes), bounds_(bounds), now_(now) {
    for (const HostView& host : hosts_) ending_.push_back(host.state == State::ending);
  }

  HostPlan plan() {
    end_idle();
    // Rooms that hosts on their way out will leave; each serves one wish.
    std::size_t leaving = 0;
    for (const bool ending : ending_) leaving += ending ? 1 : 0;
    for (std::size_t i = 0; i < wishes_.size(); ++i) {
      for (std::int64_t lacking = lack_of(wishes_[i]); lacking > 0; --lacking) {
        if (has_room()) {
          plan_.start.push_back(wishes_[i].kind);
        } else if (leaving > 0) {
          --leaving;
        } else if (const auto loser = loser_to(i)) {
          end(*loser);
        }
      }
    }
    return std::move(plan_);
  }

 private:
  const HostWish* wish_of(const HostKind& kind) const {
    const auto found =
        std::find_if(wishes_.begin(), wishes_.end(),
                     [&](const HostWish& wish) { return wish.kind.key() == kind.key(); });
    return found == wishes_.end() ? nullptr : &*found;
  }

  template <typename Fits>
  std::int64_t count(const HostKind& kind, Fits&& fits) const {
    std::int64_t number = 0;
    for (std::size_t i = 0; i < hosts_.size(); ++i)
      number += !ending_[i] && hosts_[i].kind.key() == kind.key() && fits(hosts_[i]) ? 1 : 0;
    return number;
  }

  std::int64_t lack_of(const HostWish& wish) const {
    if (wish.is_paused) return 0;
    const auto all = count(wish.kind, [](const HostView&) { return true; });
    const auto busy =
        count(wish.kind, [](const HostView& host) { return host.state == State::busy; });
    const auto wanted = std::max(wish.least, std::min(wish.most, busy + wish.waiting));
    return wanted - all;
  }

  bool may_leave(std::size_t i) const {
    if (ending_[i] || hosts_[i].state == State::starting) return false;
    const HostWish* const wish = wish_of(hosts_[i].kind);
    const auto all = count(hosts_[i].kind, [](const HostView&) { return true; });
    return wish == nullptr || all > wish->least;
  }

  void end(std::size_t i) {
    ending_[i] = true;
    plan_.end.push_back(i);
  }

  void end_idle() {
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      const HostWish* const wish = wish_of(hosts_[i].kind);
      const bool wanted = wish != nullptr && wish->waiting > 0;
      if (hosts_[i].state == State::idle && !wanted && now_ - hosts_[i].since >= bounds_.idle &&
          may_leave(i))
        end(i);
    }
  }

  // The memory of a host is known once it has started; one by itself may always try.
  bool has_room() const {
    const std::size_t all = hosts_.size() + plan_.start.size();
    std::uint64_t bytes = 0;
    for (const HostView& host : hosts_) bytes += host.bytes;
    return all < bounds_.hosts && (bounds_.bytes == 0 || bytes < bounds_.bytes || all == 0);
  }

  // The host that makes room for wish `i`: the one idle for longest, else one whose own predictions
  // came later.
  std::optional<std::size_t> loser_to(std::size_t i) const {
    std::optional<std::size_t> loser;
    for (std::size_t host = 0; host < hosts_.size(); ++host) {
      const HostWish* const own = wish_of(hosts_[host].kind);
      const bool idle = hosts_[host].state == State::idle && (own == nullptr || own->waiting == 0);
      if (idle && may_leave(host) && (!loser || hosts_[host].since < hosts_[*loser].since))
        loser = host;
    }
    const HostWish& wish = wishes_[i];
    if (loser || wish.waiting == 0 || now_ - wish.waiting_since < bounds_.patience) return loser;
    for (std::size_t host = 0; host < hosts_.size(); ++host) {
      const HostWish* const own = wish_of(hosts_[host].kind);
      const bool later =
          own != nullptr && own->waiting > 0 && own->waiting_since > wish.waiting_since;
      if (later && may_leave(host)) return host;
    }
    return std::nullopt;
  }

  const std::vector<HostView>& hosts_;
  const std::vector<HostWish>& wishes_;
  const HostBounds& bounds_;
  const Micros now_;
  std::vector<bool> ending_;
  HostPlan plan_;
};

}  // namespace

HostPlan plan_hosts(const std::vector<HostView>& hosts, const std::vector<HostWish>& wishes,
                    const HostBounds& bounds, Micros now) {
  return Planner(hosts, wishes, bounds, now).plan();
}

}  // namespace dream::host

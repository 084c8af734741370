#include "host/cog/health_checks.hpp"

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

namespace dream::host {
namespace {

constexpr std::chrono::seconds limit{5};
constexpr char overdue_text[] =
    "Healthcheck failed: user-defined healthcheck timed out after 5.0 seconds";

}  // namespace

void HealthChecks::check(const std::string& template_name,
                         std::function<void(const std::string&)> done) {
  const auto open = open_.find(template_name);
  if (open != open_.end() && open->second->overdue) return done(overdue_text);
  if (open != open_.end()) return open->second->waiting.push_back(std::move(done));
  open_[template_name] = std::make_shared<Question>();
  open_[template_name]->waiting.push_back(std::move(done));
  ask(template_name);
}

void HealthChecks::ask(const std::string& template_name) {
  const auto question = open_[template_name];
  const auto timer = std::make_shared<boost::asio::steady_timer>(io_, limit);
  timer->async_wait([question, timer, guard = std::weak_ptr(alive_)](const auto& error) {
    if (error || guard.expired()) return;
    question->overdue = true;
    answer(*question, overdue_text);
  });
  workers_.request(
      {{"type", "healthcheck"}, {"template", template_name}},
      [this, template_name, question, timer, guard = std::weak_ptr(alive_)](auto result) {
        if (guard.expired()) return;
        timer->cancel();
        open_.erase(template_name);
        const bool healthy = result.value("healthy", false);
        answer(*question,
               healthy ? "" : "Healthcheck failed: " + result.value("error", "no reason given"));
      });
}

void HealthChecks::answer(Question& question, const std::string& error) {
  for (const auto& done : std::exchange(question.waiting, {})) done(error);
}

}  // namespace dream::host

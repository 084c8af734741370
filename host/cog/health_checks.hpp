// Asks templates how they are, for GET /health-check: one question per template at a time, however
// many ask, and no answer takes longer than 5 seconds.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/workers/worker_pool.hpp"

namespace dream::host {

class HealthChecks {
 public:
  // Both must outlive it, and no callback runs after it.
  HealthChecks(boost::asio::io_context& io, WorkerPool& workers) : io_(io), workers_(workers) {}

  // `done` gets "" for a healthy template, else Cog's text of what is wrong with it. While an
  // earlier question is overdue, `done` hears of that at once.
  void check(const std::string& template_name, std::function<void(const std::string& error)> done);

 private:
  struct Question {
    std::vector<std::function<void(const std::string&)>> waiting;
    bool overdue = false;
  };

  void ask(const std::string& template_name);
  static void answer(Question& question, const std::string& error);

  boost::asio::io_context& io_;
  WorkerPool& workers_;
  std::map<std::string, std::shared_ptr<Question>> open_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // expires with us: guards late handlers
};

}  // namespace dream::host

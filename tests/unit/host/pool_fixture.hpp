// Drives a WorkerPool over the fake worker: one io_context, turned until something holds.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/base/ids.hpp"
#include "host/predictions/prediction.hpp"
#include "host/workers/worker_pool.hpp"

namespace dream::host {

class PoolTest : public testing::Test {
 protected:
  PoolTest() : folder(std::filesystem::temp_directory_path() / ("dream-pool-" + new_id())) {
    std::filesystem::create_directories(folder);
    options.program = DREAM_FAKE_WORKER;
    options.templates = {{"fake", "/fake.so"}};
    options.weights = "ok";
    options.respawn_delay = std::chrono::milliseconds(5);
  }
  ~PoolTest() override {
    pool.reset();
    std::filesystem::remove_all(folder);
  }

  void start_pool() {
    pool = std::make_unique<WorkerPool>(io, options);
    pool->start();
  }

  // Turns the loop until `done` holds; a test failure after 20 s.
  void turn_until(const std::function<bool()>& done) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << "nothing came of it in 20 s";
      io.restart();
      io.run_one_for(std::chrono::milliseconds(50));
    }
  }
  void turn_until(Health health) {
    turn_until([&] { return pool->health() == health; });
  }

  std::shared_ptr<Prediction> make_prediction() {
    Snapshot snapshot;
    snapshot.id = new_id();
    snapshot.template_name = "fake";
    const auto own = folder / snapshot.id;
    std::filesystem::create_directories(own);
    return std::make_shared<Prediction>(std::move(snapshot), own);
  }

  // The input that makes the fake worker do these steps: a JSON list of lists.
  static nlohmann::json script(const std::string& steps) {
    return {{"script", nlohmann::json::parse(steps)}};
  }

  // A prediction that is running, or null if no slot was free.
  std::shared_ptr<Prediction> run(const std::string& steps) {
    auto prediction = make_prediction();
    return pool->run(prediction, script(steps)) ? prediction : nullptr;
  }

  // Runs a script to its end.
  Snapshot finish(const std::string& steps) {
    const auto prediction = run(steps);
    if (prediction == nullptr) {
      ADD_FAILURE() << "no free slot";
      return {};
    }
    turn_until([&] { return is_terminal(prediction->snapshot().status); });
    return prediction->snapshot();
  }

  boost::asio::io_context io;
  WorkerOptions options;
  std::filesystem::path folder;
  std::unique_ptr<WorkerPool> pool;
};

}  // namespace dream::host

// The fake dream.engine.training/1: learns nothing, but goes the way of a training: a step of
// progress with its loss, a checkpoint each, metrics, and an output.zip that is empty.
#pragma once

#include <dream/abi/engine_training.h>

#include <dream/testing/fake_engine.hpp>
#include <dream/testing/fake_run.hpp>
#include <fstream>
#include <string>

struct dream_trainer {
  dream::testing::HostState* host;
};

namespace dream::testing {

struct TrainerFunctions {
  static dream_status* open(dream_setup* setup, dream_trainer** trainer) {
    return guarded(*setup->host, [&] {
      if (!setup->host->engine_error.empty()) throw Error(setup->host->engine_error);
      *trainer = new dream_trainer{setup->host};
      ++setup->host->trainers_open;
    });
  }
  static void close(dream_trainer* trainer) {
    if (trainer == nullptr) return;
    --trainer->host->trainers_open;
    delete trainer;
  }
  static dream_status* train(dream_trainer* trainer, dream_run* run) {
    return guarded(*trainer->host, [&] { go_through(*trainer->host, run); });
  }
  static constexpr dream_engine_training_1 table() {
    return {sizeof(dream_engine_training_1), 0, open, close, train};
  }

 private:
  static Value given(const dream_run* run, const char* name, Value otherwise) {
    const auto found = run->record->inputs.find(name);
    return found == run->record->inputs.end() ? std::move(otherwise) : found->second;
  }

  static void go_through(HostState& host, dream_run* run) {
    if (!run->declared->training) throw InvalidInput("the template declares no training inputs");
    if (!host.train_error.empty()) throw InvalidInput(host.train_error);
    if (!host.has_weights) throw Error("This is a template, not a real model - add weights");
    const Trained asked{given(run, "instance_prompt", "").text,
                        given(run, "instance_data", "").text, *run->declared->training,
                        given(run, "max_train_steps", 4).integer};
    {
      const std::lock_guard lock(host.mutex);
      host.trained.push_back(asked);
    }
    for (int64_t step = 1; step <= asked.steps; ++step) {
      const std::string loss = "loss " + std::to_string(1.0 / static_cast<double>(step));
      RunFunctions::progress(run, static_cast<uint64_t>(step), static_cast<uint64_t>(asked.steps),
                             dream::detail::view(std::string_view(loss)));
      pass_on(RunFunctions::checkpoint(run));
    }
    {
      const std::lock_guard lock(host.mutex);
      run->record->metrics.push_back({"steps", asked.steps, DREAM_METRIC_REPLACE});
    }
    emit_archive(run);
  }

  static void emit_archive(dream_run* run) {
    const std::string path =
        std::string(dream::detail::view(RunFunctions::temp_folder(run))) + "/output.zip";
    // An archive without entries is its end-of-directory record alone.
    std::ofstream(path, std::ios::binary) << "PK\5\6" << std::string(18, '\0');
    pass_on(RunFunctions::emit_file(run, dream::detail::view(std::string_view(path)),
                                    {"output.zip", 10}));
  }
};

}  // namespace dream::testing

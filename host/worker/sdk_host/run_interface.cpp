// dream.run/1 at the C line: RunState does the work.
#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/run.hpp"
#include "host/worker/sdk_host/status.hpp"

namespace dream::worker {
namespace {

dream_status* input(dream_run* run, dream_str name, const dream_value** value) noexcept {
  return guarded([&] {
    checked(value, "value") = nullptr;
    *value = checked(run, "run").input(view(name, "name of an input"));
  });
}

dream_status* emit(dream_run* run, const dream_value* value) noexcept {
  return guarded([&] { checked(run, "run").emit(checked(value, "output value")); });
}

dream_status* emit_file(dream_run* run, dream_str path, dream_str name) noexcept {
  return guarded([&] {
    checked(run, "run").emit_file(view(path, "path of a file"), view(name, "name of a file"));
  });
}

dream_status* checkpoint(dream_run* run) noexcept {
  if (run != nullptr && !run->canceled()) return nullptr;
  return guarded([&] {
    checked(run, "run");
    throw SdkError(DREAM_CANCELED, "canceled");
  });
}

void progress(dream_run* run, uint64_t step, uint64_t steps, dream_str label) noexcept {
  quietly([&] { checked(run, "run").progress(step, steps, view(label, "label")); });
}

dream_str temp_folder(dream_run* run) noexcept {
  dream_str folder{};
  const auto find = [&] { folder = to_str(checked(run, "run").temp_folder()); };
  if (dream_status* status = guarded(find)) {
    if (run != nullptr) quietly([&] { run->log("error", status_message(status)); });
    free_status(status);
  }
  return folder;
}

dream_str id(dream_run* run) noexcept {
  return run == nullptr ? dream_str{} : to_str(run->request().id);
}

dream_str context(dream_run* run, dream_str name) noexcept {
  dream_str text{};
  quietly([&] {
    const auto& all = checked(run, "run").request().context;
    const auto found = all.find(view(name, "name in the context"));
    if (found != all.end()) text = to_str(found->second);
  });
  return text;
}

}  // namespace

const dream_run_1& run_interface() {
  static constexpr dream_run_1 table = {
      sizeof(dream_run_1), 0,           input, emit,   emit_file, checkpoint,
      progress,            temp_folder, id,    context};
  return table;
}

}  // namespace dream::worker

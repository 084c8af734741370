#include "host/worker/sdk_host/run.hpp"

#include <cstdlib>
#include <utility>
#include <vector>

#include "host/base/paths.hpp"
#include "host/worker/sdk_host/output_file.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"

namespace dream::worker {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::milliseconds progress_interval{50};

// The value as `input` declares it: a union takes the first of its types that fits.
const dream_value* bind_value(ValueArena& arena, const InputSpec& input,
                              const nlohmann::json& json) {
  const auto refuse = [&](const nlohmann::json& value, const std::string& wanted) {
    // A secret's text stays out of every message.
    const std::string shown = input.type == DREAM_SECRET ? "the value" : short_text(value);
    return invalid("input '" + input.name + "': " + shown + " is not " + wanted);
  };
  const auto bind_one = [&](const nlohmann::json& value) -> const dream_value* {
    const auto types = input.any_of.empty() ? std::vector{input.type} : input.any_of;
    for (const dream_type type : types)
      if (is_of_type(value, type)) return arena.make(value, type);
    throw refuse(value, "of type " + type_name(input.type));
  };
  if (!input.list) return bind_one(json);
  if (!json.is_array()) throw refuse(json, "a list");
  std::vector<const dream_value*> items;
  for (const auto& item : json) items.push_back(bind_one(item));
  return arena.make_list(items);
}

// Is a value of type `given` fit for an output of type `wanted`?
bool fits_output(std::uint32_t given, dream_type wanted) {
  if (wanted == DREAM_JSON) return given != DREAM_FILE && given != DREAM_SECRET;
  if (wanted == DREAM_NUMBER) return given == DREAM_NUMBER || given == DREAM_INTEGER;
  return given == static_cast<std::uint32_t>(wanted);
}

}  // namespace

bool ProgressLimit::pass(std::uint64_t step, std::uint64_t steps, std::string_view label,
                         std::chrono::steady_clock::time_point now) {
  const bool news = first_ || step >= steps || label != label_;
  if (!news && now - last_ < progress_interval) return false;
  first_ = false;
  label_ = label;
  last_ = now;
  return true;
}

RunState::RunState(const TemplateSchema& schema, RunRequest request, Send send,
                   const std::atomic<bool>& canceled)
    : schema_(schema), request_(std::move(request)), send_(std::move(send)), canceled_(canceled) {
  bind_inputs();
}

RunState::~RunState() {
  std::error_code ignored;  // the host removes what is left with the prediction's folder
  if (!temp_folder_.empty()) fs::remove_all(temp_folder_, ignored);
}

void RunState::bind_inputs() {
  if (!request_.input.is_object()) throw invalid("the input is not a JSON object");
  for (const InputSpec& input : schema_.inputs()) {
    const auto given = request_.input.find(input.name);
    nlohmann::json value;
    if (given != request_.input.end())
      value = *given;
    else if (input.default_value)
      value = *input.default_value;
    if (value.is_null() && !input.nullable && input.type != DREAM_JSON)
      throw invalid("input '" + input.name + "' is missing");
    const bool absent = value.is_null() && input.nullable;
    inputs_[input.name] = absent ? nullptr : bind_value(arena_, input, value);
    resolved_[input.name] = std::move(value);
  }
}

const dream_value* RunState::input(std::string_view name) const {
  const auto found = inputs_.find(name);
  if (found == inputs_.end())
    throw invalid("the template declares no input '" + std::string(name) + "'");
  return found->second;
}

const nlohmann::json& RunState::input_json(std::string_view name) const {
  static const nlohmann::json absent;
  const auto found = resolved_.find(name);
  return found == resolved_.end() ? absent : *found;
}

// Counts one more output value. Called with the mutex held.
void RunState::count_output() {
  if (outputs_ > 0 && schema_.output_kind() == DREAM_SINGLE)
    throw invalid("a second output value, but the template declares a single one");
  ++outputs_;
}

// Remembers why a call of the template was refused.
template <class Body>
void RunState::hold_to_account(Body&& body) {
  try {
    body();
  } catch (const SdkError& error) {
    const std::lock_guard lock(mutex_);
    refusals_.insert(error.what());
    throw;
  }
}

bool RunState::refused_template(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  return refusals_.contains(reason);
}

void RunState::emit(const dream_value& value) {
  hold_to_account([&] { emit_value(value); });
}

void RunState::emit_file(const fs::path& file, std::string_view name) {
  hold_to_account([&] { publish_file(file, name); });
}

void RunState::emit_value(const dream_value& value) {
  auto json = to_json(&value, "output");
  const dream_type wanted = schema_.output_type();
  if (!fits_output(value.type, wanted))
    throw invalid("an output value of type " + type_name(value.type) +
                  ", but the template declares " + type_name(wanted));
  if (wanted == DREAM_FILE) {
    const fs::path file = json.get<std::string>();
    return publish_file(file, file.filename().native());
  }
  const std::lock_guard lock(mutex_);
  count_output();
  send_({{"type", "output"}, {"value", std::move(json)}});
}

void RunState::publish_file(const fs::path& file, std::string_view name) {
  if (schema_.output_type() != DREAM_FILE)
    throw invalid("a file as output, but the template declares " +
                  type_name(schema_.output_type()));
  check_file_name(name);
  const std::lock_guard lock(mutex_);
  count_output();
  try {
    make_output_dir();
    // What the run itself made is moved; anything else, the user's own files too, is copied.
    const fs::path path = take_file(file, request_.output_dir, std::string(name), temp_folder_);
    send_({{"type", "output"},
           {"path", path.native()},
           {"name", name},
           {"media_type", media_type(name)}});
  } catch (...) {
    --outputs_;
    throw;
  }
}

// Most runs have no files: a folder for each would be their greatest cost. With the mutex held.
void RunState::make_output_dir() {
  try {
    if (!std::exchange(has_output_dir_, true)) host::make_private_folder(request_.output_dir);
  } catch (const fs::filesystem_error& error) {
    has_output_dir_ = false;
    throw SdkError(DREAM_INTERNAL, error.what());
  }
}

void RunState::allow_to_stop(std::chrono::seconds time) const {
  send_({{"type", "cancel_limit"}, {"seconds", time.count()}});
}

void RunState::progress(std::uint64_t step, std::uint64_t steps, std::string_view label,
                        std::optional<double> elapsed_s) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!progress_limit_.pass(step, steps, label, now)) return;
  send_({{"type", "progress"},
         {"step", step},
         {"steps", steps},
         {"elapsed_s",
          elapsed_s.value_or(std::chrono::duration<double>(now - started_).count())},
         {"label", label}});
}

void RunState::preview(int picture, int step, int steps, const std::string& image) const {
  send_({{"type", "preview"},
         {"picture", picture},
         {"step", step},
         {"steps", steps},
         {"image", image}});
}

const std::string& RunState::temp_folder() {
  const std::lock_guard lock(mutex_);
  if (temp_folder_.empty()) {
    // Inside the prediction's folder: files move out of it without a copy, and nothing of it stays
    // behind when the worker crashes.
    make_output_dir();
    std::string pattern = fs::absolute(request_.output_dir / ".tmp-XXXXXX").native();
    if (mkdtemp(pattern.data()) == nullptr)
      throw SdkError(DREAM_INTERNAL, "cannot make the temporary folder " + pattern);
    temp_folder_ = pattern;
  }
  return temp_folder_;
}

void RunState::log(std::string_view level, std::string_view message) const {
  const std::string_view line = message.empty() ? "\n" : message;  // an empty line is a line too
  send_({{"type", "log"}, {"level", level}, {"message", line}});
}

void RunState::metric(std::string_view name, const nlohmann::json& value, std::string_view mode) {
  hold_to_account([&] { metrics_.record(std::string(name), value, mode); });
  send_({{"type", "metric"}, {"name", name}, {"value", value}, {"mode", mode}});
}

}  // namespace dream::worker

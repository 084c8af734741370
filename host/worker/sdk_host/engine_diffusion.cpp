// dream.engine.diffusion/1: what every diffusion template shares, from the run's inputs to the
// picture files: request, progress, cancel, encoding, metrics.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

#include "host/base/base64.hpp"
#include "host/worker/imaging/encode.hpp"
#include "host/worker/imaging/exif_text.hpp"
#include "host/worker/imaging/picture_text.hpp"
#include "host/worker/sdk_host/control_maps.hpp"
#include "host/worker/sdk_host/diffusion.hpp"
#include "host/worker/sdk_host/diffusion_request.hpp"
#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/output_file.hpp"
#include "host/worker/sdk_host/run_weights.hpp"
#include "host/worker/sdk_host/status.hpp"

namespace dream::worker {
namespace fs = std::filesystem;
namespace {

using Seconds = std::chrono::duration<double>;
using SteadyClock = std::chrono::steady_clock;

dream_status* open(dream_setup* setup, dream_diffusion** engine) noexcept {
  return guarded([&] {
    checked(engine, "engine") = nullptr;
    HostState& host = checked(setup, "setup").host;
    auto opened = std::make_unique<dream_diffusion>();
    opened->host = &host;
    opened->store = weights::ModelStore(host.models);
    if (host.weights != "none") {
      const auto warn = [&](const std::string& text) { host.log("warning", text); };
      opened->pipeline = host.engine.pipeline(host.engine_options, host.weights, warn);
      opened->model = model_name(host.weights);
    }
    *engine = opened.release();
  });
}

void close(dream_diffusion* engine) noexcept {
  delete engine;
}

void emit_picture(const std::string& model, RunState& run, const DiffusionJob& job, int index,
                  const engine::Image& image) {
  const std::int64_t seed = job.request.seed + index;
  auto file = imaging::encode(image, job.output_format, job.output_quality);
  const auto texts = imaging::picture_text(
      {job.request, run.request().template_name, model, seed, image.width, image.height,
       job.control_maps, run.input_or<std::string>("resize_mode", "fill")});
  file = job.output_format == "png" ? imaging::add_png_text(file, texts)
                                    : imaging::add_exif_text(file, texts.front().text);
  const std::string name = "seed-" + std::to_string(seed) + "." + job.output_format;
  const fs::path path = fs::path(run.temp_folder()) / name;
  write_file(path, file);
  run.emit_file(path, name);
}

std::string progress_label(const engine::Step& step) {
  if (step.images == 1) return "";
  if (step.together == 1) return fmt::format("picture {}/{}", step.image + 1, step.images);
  return fmt::format("pictures {}-{}/{}", step.image + 1, step.image + step.together, step.images);
}

// `done` counts a step of each picture, so that the bar moves evenly however many share a call.
bool report_step(RunState& run, const engine::Step& step, std::uint64_t done) {
  run.progress(done, static_cast<std::uint64_t>(step.images) * step.steps, progress_label(step));
  return !run.canceled();
}

void show_preview(const RunState& run, const engine::Step& step, const engine::Image& image) {
  const auto file = imaging::encode(image, "png", 100);
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  run.preview(step.image, step.step, step.steps,
              "data:image/png;base64," + host::base64_encode(bytes));
}

// Of the control that may decide the output's size: the first, unless it gives a style alone.
std::optional<imaging::Size> leading_size(const std::vector<PlannedControl>& controls,
                                          const ControlNetworks& networks) {
  const bool leads = !controls.empty() && !controls.front().is_extra &&
                     networks.front()->kind() != engine::ControlKind::style_adapter;
  if (!leads) return std::nullopt;
  return imaging::Size{controls.front().picture.width, controls.front().picture.height};
}

// Everything before the drawing: pictures, networks, control maps.
DiffusionJob prepare(dream_diffusion& engine, RunState& run, const dream_overrides& given,
                     const RunWeights& chosen) {
  const InputPictures pictures = read_input_pictures(run);
  const auto controls = plan_controls(run, given, pictures);
  const auto begin = SteadyClock::now();
  const auto networks = control_networks(controls, *engine.host, chosen.place);
  DiffusionJob job = diffusion_job(run, given, chosen.pipeline->info(), engine.store, pictures,
                                   leading_size(controls, networks));
  add_controls(run, controls, networks, engine.host->networks, job);
  if (controls.empty()) return job;
  run.metric("control_count", controls.size(), "replace");
  run.metric("control_time_s", Seconds(SteadyClock::now() - begin).count(), "replace");
  return job;
}

void draw(dream_diffusion& engine, RunState& run, const dream_overrides* overrides) {
  const RunWeights chosen = run_weights(engine, run);
  const engine::Pipeline& pipeline = *chosen.pipeline;
  DiffusionJob job = prepare(engine, run, known_part(overrides), chosen);
  if (job.seed_drawn) run.log("info", "Using seed: " + std::to_string(job.request.seed));
  std::uint64_t steps = 0;
  job.request.on_step = [&](const engine::Step& step) {
    steps += step.together;
    return report_step(run, step, steps);
  };
  if (run.request().previews)
    job.request.on_preview = [&](const engine::Step& step, const engine::Image& image) {
      show_preview(run, step, image);
    };
  job.request.on_log = [&](const std::string& line) { run.log("warning", line); };
  job.request.on_flagged = [&](int index) {
    run.log("warning", fmt::format("picture {} (seed {}): flagged by the safety checker, left out",
                                   index + 1, job.request.seed + index));
  };
  int pictures = 0;
  Seconds encoding{0};
  const auto begin = SteadyClock::now();
  pipeline.generate(job.request, [&](int index, const engine::Image& image) {
    const auto drawn = SteadyClock::now();
    emit_picture(chosen.model, run, job, index, image);
    ++pictures;
    encoding += SteadyClock::now() - drawn;
  });
  const double model_time_s = (Seconds(SteadyClock::now() - begin) - encoding).count();
  run.metric("image_count", pictures, "replace");
  run.metric("steps", steps, "replace");
  run.metric("model_time_s", model_time_s, "replace");
  run.metric("it_per_s", static_cast<double>(steps) / std::max(model_time_s, 1e-6), "replace");
}

dream_status* generate(dream_diffusion* engine, dream_run* run,
                       const dream_overrides* overrides) noexcept {
  return guarded([&] { draw(checked(engine, "engine"), checked(run, "run"), overrides); });
}

}  // namespace

const dream_engine_diffusion_1& engine_diffusion_interface() {
  static const dream_engine_diffusion_1 table = [] {
    dream_engine_diffusion_1 all{};
    all.struct_size = sizeof all;
    all.open = open;
    all.close = close;
    all.generate = generate;
    add_diffusion_parts(all);
    return all;
  }();
  return table;
}

}  // namespace dream::worker

#include "host/worker/sdk_host/control_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "host/worker/imaging/decode.hpp"
#include "host/worker/sdk_host/control_kinds.hpp"
#include "host/worker/sdk_host/image.hpp"
#include "host/worker/sdk_host/status.hpp"
#include "host/worker/sdk_host/values.hpp"
#include "weights/store/control_reference.hpp"
#include "weights/tensor_view.hpp"

namespace dream::worker {
namespace {

// With the user's strength, where the run has inputs for it.
PlannedControl user_control(const RunState& run, std::string input, ControlSource source,
                            engine::Picture picture) {
  PlannedControl control{std::move(input), std::move(source), std::move(picture)};
  control.scale = run.input_or("conditioning_scale", 1.0);
  control.guidance_start = run.input_or("control_guidance_start", 0.0);
  control.guidance_end = run.input_or("control_guidance_end", 1.0);
  return control;
}

// The annotator's options among the run's inputs.
nlohmann::json user_settings(const RunState& run, const std::string& annotator) {
  nlohmann::json settings = nlohmann::json::object();
  for (const InputSpec& option : annotator_inputs(annotator))
    if (const auto& value = run.input_json(option.name); !value.is_null())
      settings[option.name] = value;
  return settings;
}

// A control of the template's own, as far as its struct reaches.
PlannedControl template_control(const RunState& run, std::size_t index,
                                const dream_control* control) {
  const std::string what = fmt::format("controls/{} of the template", index);
  dream_control known{};
  std::memcpy(&known, &checked(control, what.c_str()),
              std::min<std::size_t>(control->struct_size, sizeof known));
  ControlSource source{std::string(view(known.network, what)), "",
                       (known.flags & DREAM_CONTROL_MASKED) != 0};
  if (source.network.empty()) throw invalid(what + " names no network");
  const engine::Picture& map = checked(known.image, (what + ": its map").c_str()).picture;
  auto planned = user_control(run, what, std::move(source), map);
  if ((known.flags & DREAM_CONTROL_HAS_SCALE) != 0) planned.scale = known.scale;
  if ((known.flags & DREAM_CONTROL_HAS_GUIDANCE_START) != 0)
    planned.guidance_start = known.guidance_start;
  if ((known.flags & DREAM_CONTROL_HAS_GUIDANCE_END) != 0)
    planned.guidance_end = known.guidance_end;
  return planned;
}

PlannedControl extra_control(std::size_t index, const std::string& text) {
  const std::string input = fmt::format("extra_controls/{}", index);
  try {
    const auto parsed = weights::parse_control_reference(text);
    return {input,
            control_by_name(parsed.name),
            imaging::decode_file(parsed.reference),
            nullptr,
            true,
            parsed.scale,
            parsed.guidance_start,
            parsed.guidance_end};
  } catch (const weights::Error& error) {
    throw invalid(input + ": " + error.what());
  } catch (const engine::InvalidInput& error) {
    throw invalid(input + ": " + error.what());
  }
}

void check(const PlannedControl& control, const InputPictures& pictures) {
  const bool ordered = control.guidance_start >= 0 && control.guidance_end <= 1 &&
                       control.guidance_start <= control.guidance_end;
  if (!ordered)
    throw invalid(fmt::format("{}: control_guidance_start is {} and control_guidance_end {}: the "
                              "start must not be after the end, and both lie within 0 to 1",
                              control.input, control.guidance_start, control.guidance_end));
  if (!std::isfinite(control.scale))
    throw invalid(fmt::format("{}: the scale is {}, which is no finite number", control.input,
                              control.scale));
  if (control.source.masked && !pictures.mask)
    throw invalid(fmt::format("mask is missing: {} repaints what a mask shows white",
                              control.source.network));
}

}  // namespace

std::vector<PlannedControl> plan_controls(const RunState& run, const dream_overrides& given,
                                          const InputPictures& pictures) {
  std::vector<PlannedControl> controls;
  if (given.control_count > 0) checked(given.controls, "controls of the template");
  for (std::size_t i = 0; i < given.control_count; ++i)
    controls.push_back(template_control(run, i, given.controls[i]));
  const auto& source = run.schema().control();
  if (controls.empty() && source && pictures.control) {
    controls.push_back(user_control(run, "control_image", *source, *pictures.control));
    controls.back().settings = user_settings(run, source->annotator);
  }
  const std::size_t own = controls.size();
  if (const auto& extra = run.input_json("extra_controls"); extra.is_array())
    for (const auto& item : extra)
      controls.push_back(extra_control(controls.size() - own, item.get<std::string>()));
  for (PlannedControl& control : controls) {
    check(control, pictures);
    if (run.input_or("control_is_preprocessed", false)) control.source.annotator.clear();
  }
  return controls;
}

}  // namespace dream::worker

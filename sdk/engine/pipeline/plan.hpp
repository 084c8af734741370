// A request checked against the model: what will be drawn, with every default filled in. Nothing
// is computed before the plan stands, so wrong input costs no time.
#pragma once

#include <cstdint>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/schedulers/scheduler.hpp"

namespace dream::engine {

struct Plan {
  std::int64_t width = 0, height = 0;  // pixels
  int pictures = 1;
  int scheduled_steps = 1;  // what the scheduler lays out
  int steps = 1;            // the last of them, which are run: fewer when a picture is the start
  bool from_noise = true;   // nothing of the picture is in the first latents
  SchedulerOptions scheduler;
  double guidance_scale = 1, guidance_rescale = 0;
  bool guided = false;  // classifier-free guidance: every UNet call sees both prompts
};

// Throws InvalidInput naming the input, its value and what is allowed.
Plan make_plan(const GenerateRequest& request, const Components& parts);

// How many pictures of a plan are drawn side by side: as many as the memory that is free now holds
// with room to spare. Never less than 1.
int pictures_at_once(const Components& parts, const Plan& plan);

// Throws InvalidInput unless the text encoder has so many layers to leave out.
void check_clip_skip(int clip_skip, const Components& parts);

}  // namespace dream::engine

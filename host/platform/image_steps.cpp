#include "host/platform/image_steps.hpp"

#include <fmt/format.h>

namespace dream::host {
namespace {

ImageWatch watch_of(StepContext& context) {
  ImageWatch watch;
  watch.progress = [&context](const std::string& step, std::uint64_t done, std::uint64_t total) {
    context.progress(step, done, total);
  };
  watch.note = [&context](const std::string& text) { context.log(text); };
  watch.canceled = &context.ended();
  return watch;
}

const TemplateImage& template_of(StepContext& context) {
  const TemplateImage* const found =
      context.core().options.catalogue.template_named(context.training().template_name);
  if (found == nullptr)
    throw StepFailed(fmt::format("the template '{}' is no longer one of this platform",
                                 context.training().template_name));
  return *found;
}

// Runs `work`, so that what cannot pass by trying again is told apart.
template <typename Work>
auto with_images(StepContext& context, Work&& work) {
  try {
    return work(*context.core().images);
  } catch (const ImageError& error) {
    context.check();
    throw StepFailed(error.what());
  } catch (const std::runtime_error&) {
    context.check();  // a cancel comes out of there as an error like any other
    throw;
  }
}

// Builds what the checkpoint of the build step says, or anew.
Json build(StepContext& context) {
  const Training& training = context.training();
  if (!training.weights) throw StepFailed("there are no weights to build an image of");
  const auto weights = context.core().blobs->open(*training.weights);
  if (!weights) throw StepFailed("the weights are no longer in the store");
  const TemplateImage& base = template_of(context);
  context.log(fmt::format("building {} with weights {}", base.image,
                          training.weights->substr(0, 12)));
  const BuiltImage built = with_images(context, [&](Images& images) {
    return images.build(base.image, weights->path, training.id, watch_of(context));
  });
  context.log("built version " + built.version);
  Json result = {{"version", built.version}, {"labels", Json::object()}};
  for (const auto& [name, value] : built.labels) result["labels"][name] = value;
  return result;
}

std::optional<std::string> label(const Json& built, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = built["labels"].find(name);
    if (found != built["labels"].end()) return found->get<std::string>();
  }
  return std::nullopt;
}

// The image may have been built on another machine: then it is built here again, the same.
Json built_image(StepContext& context) {
  const bool here =
      with_images(context, [&](Images& images) { return images.has(context.training().id); });
  for (const Step& step : context.core().trainings.steps(context.training().id)) {
    if (step.name == step_name::build && here) {
      Json built = Json::parse(step.checkpoint);
      if (built.contains("version")) return built;
    }
  }
  return build(context);
}

}  // namespace

StepQueue::Outcome run_build_step(StepContext& context) {
  return {.checkpoint = to_text(build(context))};
}

StepQueue::Outcome run_push_step(StepContext& context) {
  const Training& training = context.training();
  const Json built = built_image(context);
  const auto id = built["version"].get<std::string>();
  const PushedImage pushed = with_images(context, [&](Images& images) {
    return images.push(training.id, id, training.model_owner, training.model_name,
                       template_of(context).image, watch_of(context));
  });
  context.log(fmt::format("pushed {} ({} bytes, {} blobs mounted)", pushed.image,
                          pushed.bytes_uploaded, pushed.blobs_mounted));
  NewVersion version;
  version.id = id;
  version.model_owner = training.model_owner;
  version.model_name = training.model_name;
  version.image = pushed.image;
  version.weights = *training.weights;
  version.template_name = training.template_name;
  version.training = training.id;
  version.notes = training.notes;
  version.cog_version = label(built, {"run.cog.version", "org.cogmodel.cog_version"});
  version.schema = label(built, {"run.cog.openapi_schema", "org.cogmodel.openapi_schema"});
  const Json checkpoint = {{"image", pushed.image},
                           {"bytes_uploaded", pushed.bytes_uploaded},
                           {"blobs_mounted", pushed.blobs_mounted}};
  return {.checkpoint = to_text(checkpoint), .version = version};
}

}  // namespace dream::host

#include "host/oci/build.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "host/base/ids.hpp"
#include "host/oci/errors.hpp"
#include "host/oci/image_source.hpp"
#include "host/oci/layout.hpp"
#include "host/oci/managed_weights.hpp"
#include "weights/inspect.hpp"
#include "weights/store/weight_tree.hpp"
#include "weights/tensor_view.hpp"

namespace dream::host::oci {
namespace fs = std::filesystem;
namespace {

constexpr char weights_folder[] = "src/weights/";
constexpr char weights_history[] = "COPY weights /src/weights";
constexpr char managed_history[] = "COPY weights.json /.cog/weights.json";

// A folder that goes away with everything in it.
class WorkFolder {
 public:
  explicit WorkFolder(const fs::path& parent)
      : path_((parent.empty() ? fs::temp_directory_path() : parent) / ("dream-build-" + new_id())) {
  }
  ~WorkFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

weights::WeightTree open_weights(const fs::path& path, const Control& control) {
  try {
    weights::WeightTree tree = weights::WeightTree::open(path);
    if (!tree.left_out().empty())
      control.say(fmt::format("left out of the weights: {}", fmt::join(tree.left_out(), ", ")));
    if (!tree.has_model())
      control.say(
          fmt::format("{}: there is no model_index.json at its root; a template of Stable "
                      "Diffusion will not find a model",
                      path.string()));
    return tree;
  } catch (const weights::Error& error) {
    throw InputError(error.what());
  }
}

// `tree` must outlive the result.
std::vector<LayerFile> layer_files(const weights::WeightTree& tree, const std::string& prefix) {
  std::vector<LayerFile> files;
  for (const auto& file : tree.files())
    files.push_back({prefix + file.path, file.bytes, [&tree, &file](const Take& take) {
                       try {
                         tree.read(file, take);
                       } catch (const weights::Error& error) {
                         throw InputError(error.what());
                       }
                     }});
  return files;
}

Layer write_into(Layout& layout, const std::vector<LayerFile>& files, Compression compression,
                 const Control& control) {
  const fs::path file = layout.new_file();
  FileSink sink(file);
  Layer layer = write_layer(
      files, compression, [&](std::span<const std::byte> piece) { sink.write(piece); }, control,
      "packing weights");
  sink.close();
  layout.adopt(file, layer.digest);
  return layer;
}

struct Base {
  Manifest manifest;
  ImageManifest image;
  std::string config;
};

Base read_base(ImageSource& source, const Platform& platform, const Control& control) {
  Manifest manifest = resolve_image(source, platform);
  const std::string where = source.name();
  ImageManifest image = parse_image_manifest(parse_document(manifest.bytes, where), where);
  if (!image.artifact_type.empty())
    throw InputError(
        fmt::format("{}: is an artifact of type {}, not an image", where, image.artifact_type));
  std::string config = source.document(image.config);
  const Document document = parse_document(config, where + ": config");
  if (!is_cog_image(labels_of(document, where)))
    control.say(fmt::format("{} has no labels of Cog: is it a template?", where));
  if (const Document* const history = array_member(document, "history", where))
    for (const Document& entry : *history)
      if (entry.is_object() && entry.value("created_by", Document()) == weights_history)
        control.say(
            fmt::format("{} has weights already; files of theirs that the new ones do not "
                        "replace stay",
                        where));
  return {std::move(manifest), std::move(image), std::move(config)};
}

class Build {
 public:
  Build(const BuildRequest& request, Layout& layout, ImageSource& source, const Control& control)
      : request_(request), layout_(layout), source_(source), control_(control) {}

  // Writes all that is new into the layout. Result: what the new image's name stands for.
  Manifest run(const weights::WeightTree& tree, BuildResult& result) {
    base_ = read_base(source_, request_.platform, control_);
    result.base = base_.manifest.descriptor.digest;
    result.weights_bytes = tree.bytes();
    result.weights_files = tree.files().size();
    Manifest manifest =
        request_.managed_weights.empty() ? with_layer(tree, result) : with_artifact(tree, result);
    result.version = manifest.descriptor.digest;
    return manifest;
  }

  void pull_base() {
    for (const Descriptor& layer : base_.image.layers) source_.pull_blob(layer, layout_);
  }

 private:
  Manifest with_layer(const weights::WeightTree& tree, BuildResult& result) {
    result.layer =
        write_into(layout_, layer_files(tree, weights_folder), request_.compression, control_);
    return append(result.layer, weights_history, !request_.keep_docker, result);
  }

  Manifest with_artifact(const weights::WeightTree& tree, BuildResult& result) {
    const std::string& name = request_.managed_weights;
    const ManagedWeights weights =
        write_managed_weights(name, layer_files(tree, ""), layout_, control_);
    const std::string text = weights_json(name, weights);
    const LayerFile file{".cog/weights.json", text.size(),
                         [&](const Take& take) { take(std::as_bytes(std::span(text))); }};
    const Layer layer = write_into(layout_, {file}, request_.compression, control_);
    const Manifest image = append(layer, managed_history, true, result);
    const std::string index = bundle_index(image.descriptor, config_, name, weights);
    return {layout_.write(index, media_type::oci_index), index};
  }

  Manifest append(const Layer& layer, const std::string& history, bool as_oci,
                  BuildResult& result) {
    AppendRequest request{
        base_.manifest.bytes, base_.config, base_.manifest.descriptor.digest, layer, history,
        request_.annotations, as_oci};
    const AppendedImage image = append_layer(request, source_.name());
    layout_.write(image.config, image.config_type);
    config_ = parse_document(image.config, source_.name());
    result.labels = labels_of(config_, source_.name());
    return {layout_.write(image.manifest, image.manifest_type), image.manifest};
  }

  const BuildRequest& request_;
  Layout& layout_;
  ImageSource& source_;
  const Control& control_;
  Base base_{{{"", Digest::of(""), 0}, ""}, {false, {"", Digest::of(""), 0}, {}, ""}, ""};
  Document config_;  // of the new image
};

void check_request(const BuildRequest& request) {
  if (!request.managed_weights.empty() && !is_weights_name(request.managed_weights))
    throw InputError(
        fmt::format("'{}' is no name for managed weights: up to 64 small letters, "
                    "digits and dashes, with no dash at an end",
                    request.managed_weights));
  if (request.output.layout && request.output.layout->digest)
    throw InputError(
        fmt::format("{}: the image's digest is not known before it is built: give a "
                    "tag",
                    request.output.text()));
  if (request.output.registry &&
      (request.output.registry->tag.empty() || request.output.registry->digest))
    throw InputError(fmt::format("{}: an image goes to a registry under a tag, for example {}/{}:1",
                                 request.output.text(), request.output.registry->registry,
                                 request.output.registry->repository));
}

}  // namespace

bool is_cog_image(const std::map<std::string, std::string>& labels) {
  for (const char* const prefix : {"run.cog.", "org.cogmodel."}) {
    const auto found = labels.lower_bound(prefix);
    if (found != labels.end() && found->first.starts_with(prefix)) return true;
  }
  return false;
}

BuildResult build_image(const BuildRequest& request, const RegistryOptions& options,
                        const Control& control) {
  check_request(request);
  const weights::WeightTree tree = open_weights(request.weights, control);
  const auto source = open_source(request.base, options, control);
  BuildResult result;
  if (request.output.registry) {
    check_destination(*request.output.registry, options, control);
    const WorkFolder work(request.work_folder);
    Layout layout = Layout::create(work.path());
    const Manifest image = Build(request, layout, *source, control).run(tree, result);
    const PushRequest push{{}, *request.output.registry, request.mount_from, {}};
    result.push = push_image(layout, image, push, source.get(), options, control);
    return result;
  }
  Layout layout = Layout::create(request.output.layout->path);
  Build build(request, layout, *source, control);
  const Manifest image = build.run(tree, result);
  if (!request.thin) build.pull_base();
  const std::string& tag = request.output.layout->tag;
  layout.tag(to_document(image.descriptor), tag.empty() ? "latest" : tag);
  return result;
}

}  // namespace dream::host::oci

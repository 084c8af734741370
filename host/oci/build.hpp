// Images with weights: what `dream build` and the platform's build step do. Blocking, from any
// thread. Equal weights on an equal base give the same bytes, so calling it again after any end is
// safe, and cheap for what is there already.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/oci/append.hpp"
#include "host/oci/control.hpp"
#include "host/oci/image_name.hpp"
#include "host/oci/push.hpp"
#include "host/oci/registry_options.hpp"

namespace dream::host::oci {

struct BuildRequest {
  ImageName base;                 // the template
  std::filesystem::path weights;  // a folder or an output.zip, see weights/store/weight_tree.hpp
  ImageName output;
  Compression compression = Compression::none;
  Platform platform;
  std::map<std::string, std::string> annotations;  // of the manifest; different ones, other version
  // Not empty: Cog's managed weights under this name instead of a layer of the image.
  std::string managed_weights;
  // Of a base in Docker's form: keep it, unless zstd or annotations need OCI's. Layouts with it are
  // read by few tools.
  bool keep_docker = false;
  // Of an output that is a layout: only what is new goes into it. push_image() finds the rest where
  // the base lies, if it is told (PushRequest::base), and mounts it rather than moves it.
  bool thin = false;
  std::vector<std::string> mount_from;  // as PushRequest has it
  // Where an image on its way to a registry is put together; empty: the system's place for
  // temporary files. Needs room for the weights.
  std::filesystem::path work_folder;
};

struct BuildResult {
  Digest version = Digest::of("");            // of the manifest (managed weights: of the index)
  Digest base = Digest::of("");               // of the template's manifest
  std::map<std::string, std::string> labels;  // of the image's config, "run.cog.…" among them
  std::uint64_t weights_bytes = 0;            // of all files
  std::size_t weights_files = 0;
  Layer layer;                     // of the weights; unset for managed weights
  std::optional<PushResult> push;  // of an output in a registry
};

// Whether labels are those of an image that Cog, or a tool like it, has built.
bool is_cog_image(const std::map<std::string, std::string>& labels);

// Throws InputError for weights, names or a base that cannot be used, and what push_image() throws.
// A registry is asked for access before any work is done. A layout has the new image when the call
// returns, and is as it was, but for unused blobs, when it throws.
BuildResult build_image(const BuildRequest& request, const RegistryOptions& options,
                        const Control& control);

}  // namespace dream::host::oci

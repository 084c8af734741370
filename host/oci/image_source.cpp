#include "host/oci/image_source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <fstream>
#include <vector>

#include "host/base/text.hpp"
#include "host/oci/errors.hpp"
#include "host/oci/registry.hpp"

namespace dream::host::oci {
namespace {

class RegistrySource final : public ImageSource {
 public:
  RegistrySource(const Reference& reference, const RegistryOptions& options, const Control& control)
      : reference_(reference), registry_(reference.registry, options, control) {}

  std::string name() const override { return reference_.text(); }
  Manifest manifest() override {
    return registry_.manifest(reference_.repository, reference_.manifest_key());
  }
  Manifest manifest(const Descriptor& descriptor) override {
    return registry_.manifest(reference_.repository, descriptor.digest.text());
  }
  std::string document(const Descriptor& descriptor) override {
    return registry_.document(reference_.repository, descriptor);
  }
  void pull_blob(const Descriptor& descriptor, Layout& into) override {
    registry_.pull_blob(reference_.repository, descriptor, into);
  }
  std::string registry() const override { return reference_.registry; }
  std::string repository() const override { return reference_.repository; }

 private:
  Reference reference_;
  Registry registry_;
};

// Verified on the way. A layout that is both gives nothing away: the blob is there.
void copy_blob(const Layout& from, const Descriptor& descriptor, Layout& into,
               const Control& control, const std::string& where) {
  if (into.is_sound(descriptor, control)) return;
  if (!from.has(descriptor))
    throw InputError(fmt::format("{}: the blob {} is missing or of another size", where,
                                 descriptor.digest.text()));
  const std::filesystem::path next = into.new_file();
  std::ifstream in(from.blob_path(descriptor.digest), std::ios::binary);
  FileSink out(next);
  std::vector<char> buffer(1 << 20);
  Sha256 sum;
  std::uint64_t bytes = 0;
  while (in) {
    control.check();
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    const auto piece =
        std::as_bytes(std::span(buffer)).first(static_cast<std::size_t>(in.gcount()));
    sum.update(piece);
    out.write(piece);
    bytes += piece.size();
    control.tell("copying " + descriptor.digest.brief(), bytes, descriptor.bytes);
  }
  out.close();
  if (!in.is_open() || in.bad() || sum.finish() != descriptor.digest) {
    std::filesystem::remove(next);
    throw InputError(fmt::format("{}: the blob {} is damaged: its content is another", where,
                                 descriptor.digest.text()));
  }
  into.adopt(next, descriptor.digest);
}

class LayoutSource final : public ImageSource {
 public:
  LayoutSource(const LayoutName& name, const Control& control)
      : name_(name), control_(control), layout_(Layout::open(name.path)) {}

  std::string name() const override { return ImageName{std::nullopt, name_}.text(); }
  Manifest manifest() override {
    const Document entry = find_in_layout(layout_, name_);
    return manifest(parse_descriptor(entry, name()));
  }
  Manifest manifest(const Descriptor& descriptor) override {
    const std::string bytes = layout_.read(descriptor, name());
    const Document document = parse_document(bytes, name());
    const std::string type = manifest_media_type(document, descriptor.media_type, name());
    return {{type, descriptor.digest, descriptor.bytes}, bytes};
  }
  std::string document(const Descriptor& descriptor) override {
    return layout_.read(descriptor, name());
  }
  void pull_blob(const Descriptor& descriptor, Layout& into) override {
    copy_blob(layout_, descriptor, into, control_, name());
  }

 private:
  LayoutName name_;
  const Control& control_;
  Layout layout_;
};

std::string tag_of(const Document& entry, const std::string& where) {
  const Document* const notes = object_member(entry, "annotations", where);
  return notes != nullptr ? text_member(*notes, "org.opencontainers.image.ref.name", where) : "";
}

}  // namespace

Document find_in_layout(const Layout& layout, const LayoutName& name) {
  const std::string where = layout.path().string();
  const Document index = layout.index();
  std::vector<std::string> tags;
  const Document* found = nullptr;
  for (const Document& entry : index["manifests"]) {
    const std::string tag = tag_of(entry, where);
    tags.push_back(tag.empty() ? entry["digest"].get<std::string>() : tag);
    const bool meant = name.digest         ? entry["digest"] == name.digest->text()
                       : !name.tag.empty() ? tag == name.tag
                                           : index["manifests"].size() == 1 || tag == "latest";
    if (meant && found == nullptr) found = &entry;
  }
  if (found != nullptr) return *found;
  if (tags.size() > 20) tags.resize(20);
  const std::string wanted = name.digest        ? "@" + name.digest->text()
                             : name.tag.empty() ? ":TAG"
                                                : ":" + name.tag;
  throw InputError(tags.empty() ? fmt::format("{}: the layout holds no image", where)
                   : name.tag.empty() && !name.digest
                       ? fmt::format("{}: holds several images, name one as {}{}: {}", where, where,
                                     wanted, valid_utf8(fmt::format("{}", fmt::join(tags, ", "))))
                       : fmt::format("{}: holds no image {}; there is {}", where, wanted,
                                     valid_utf8(fmt::format("{}", fmt::join(tags, ", ")))));
}

std::unique_ptr<ImageSource> open_source(const ImageName& name, const RegistryOptions& options,
                                         const Control& control) {
  if (name.registry) return std::make_unique<RegistrySource>(*name.registry, options, control);
  return std::make_unique<LayoutSource>(*name.layout, control);
}

Manifest resolve_image(ImageSource& source, const Platform& platform) {
  constexpr int deepest = 3;
  Manifest manifest = source.manifest();
  for (int depth = 0; manifest.is_index(); ++depth) {
    if (depth == deepest)
      throw InputError(
          fmt::format("{}: indexes lie in indexes, deeper than {}", source.name(), deepest));
    const Document index = parse_document(manifest.bytes, source.name());
    manifest = source.manifest(choose_platform(index, platform, source.name()));
  }
  return manifest;
}

}  // namespace dream::host::oci

// Arbitrary bytes as what registries and layouts hold: manifests, indexes and configs as documents,
// anything else as the name of an image, a challenge, a Range. What is taken is sound.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "host/oci/append.hpp"
#include "host/oci/blob_upload.hpp"
#include "host/oci/challenge.hpp"
#include "host/oci/credentials.hpp"
#include "host/oci/errors.hpp"
#include "host/oci/image_name.hpp"

namespace {

using namespace dream::host::oci;

template <typename Action>
void attempt(Action action) {
  try {
    action();
  } catch (const Error&) {
  }
}

// The document as a manifest, an index, the manifest of a base, and the config of one.
void read_document(std::string_view text) {
  attempt([&] {
    const Document document = parse_document(text, "input");
    attempt([&] { manifest_media_type(document, "", "input"); });
    attempt([&] { parse_image_manifest(document, "input"); });
    attempt([&] { choose_platform(document, Platform(), "input"); });
    attempt([&] { labels_of(document, "input"); });
  });
  AppendRequest request;
  request.base_manifest = R"({"schemaVersion":2,"config":{"mediaType":)"
                          R"("application/vnd.oci.image.config.v1+json","size":1,"digest":")" +
                          Digest::of("").text() + R"("},"layers":[]})";
  request.base_config = text;
  attempt([&] {
    const AppendedImage image = append_layer(request, "input");
    const Document config = parse_document(image.config, "output");
    if (config["rootfs"]["diff_ids"].size() != 1) std::abort();
  });
  request.base_manifest = text;
  request.base_config = R"({"rootfs":{"diff_ids":[]}})";
  attempt(
      [&] { parse_image_manifest(parse_document(append_layer(request, "i").manifest, "o"), "o"); });
  std::string helper;
  attempt([&] { login_in(text, "r.io", "a/b", "input", helper); });
}

void read_text(std::string_view text) {
  attempt([&] {
    const Reference reference = parse_reference(text);
    if (!is_repository(reference.repository) || reference.registry.empty()) std::abort();
    if (parse_reference(reference.text()).text() != reference.text()) std::abort();
  });
  attempt([&] { parse_layout_name(text); });
  if (parse_challenges(text).size() > 16) std::abort();
  end_of_range(std::string(text));
  if (const auto digest = Digest::parse(text); digest && digest->text() != text) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.starts_with('{')) read_document(text);
  read_text(text);
  return 0;
}

// Content addresses: "sha256:" and 64 lower-case hexadecimal digits (OCI image-spec,
// descriptor.md). Other algorithms are refused where they appear: no registry needs them.
#pragma once

#include <compare>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dream::host::oci {

class Digest {
 public:
  static std::optional<Digest> parse(std::string_view text);
  static Digest of(std::string_view bytes);

  const std::string& text() const { return text_; }                          // "sha256:…"
  std::string hex() const { return text_.substr(prefix.size()); }            // the digits alone
  std::string brief() const { return text_.substr(0, prefix.size() + 12); }  // for messages
  auto operator<=>(const Digest&) const = default;

  static constexpr std::string_view prefix = "sha256:";

 private:
  explicit Digest(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// The digest of a stream.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::span<const std::byte> data);
  // Of all that was given. Ends the use of the object.
  Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Of a whole file. Throws Error naming the path when it cannot be read.
Digest digest_of_file(const std::filesystem::path& path);

}  // namespace dream::host::oci

#include "host/oci/layout.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "host/base/ids.hpp"
#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace fs = std::filesystem;
namespace {

constexpr char version_file[] = "oci-layout";
constexpr char version_text[] = R"({"imageLayoutVersion":"1.0.0"})";
constexpr char index_file[] = "index.json";
constexpr char work_folder[] = ".dream";
constexpr char tag_key[] = "org.opencontainers.image.ref.name";

[[noreturn]] void fail_writing(const fs::path& path) {
  throw Error(fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)));
}

// Nothing when there is no such file. Larger files than documents may be are refused.
std::optional<std::string> read_text(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  const std::uintmax_t size = fs::file_size(path, error);
  if (error || size > most_document_bytes)
    throw InputError(fmt::format("{}: {} bytes are more than the {} that are allowed",
                                 path.string(), size, most_document_bytes));
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in.is_open() || in.bad() || text.str().size() != size)
    throw InputError(fmt::format("{}: cannot be read", path.string()));
  return text.str();
}

void check_version(const fs::path& path) {
  const std::string where = (path / version_file).string();
  const auto text = read_text(path / version_file);
  if (!text)
    throw InputError(
        fmt::format("{}: is no OCI image layout: it has no file {}", path.string(), version_file));
  const std::string version =
      text_member(parse_document(*text, where), "imageLayoutVersion", where);
  if (!version.starts_with("1."))
    throw InputError(fmt::format("{}: is of version '{}', expected 1.0.0", where, version));
}

}  // namespace

Layout Layout::open(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored))
    throw InputError(fmt::format("{}: there is no such folder", path.string()));
  check_version(path);
  return Layout(path);
}

Layout Layout::create(const fs::path& path) {
  std::error_code error;
  const bool is_there = fs::exists(path, error);
  if (is_there && !fs::is_directory(path, error))
    throw InputError(fmt::format("{}: is no folder", path.string()));
  if (is_there && !fs::exists(path / work_folder) && !fs::is_empty(path, error))
    check_version(path);
  Layout layout(path);
  fs::create_directories(path / work_folder, error);
  if (!error) fs::create_directories(path / "blobs" / "sha256", error);
  if (error) throw Error(fmt::format("{}: cannot be written: {}", path.string(), error.message()));
  layout.lock_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (layout.lock_.get() < 0) fail_writing(path);
  if (::flock(layout.lock_.get(), LOCK_EX | LOCK_NB) != 0)
    throw Error(fmt::format("{}: another process is writing to it", path.string()));
  for (const auto& entry : fs::directory_iterator(path / work_folder, error))
    if (entry.path().filename().string().starts_with("new-")) fs::remove(entry.path(), error);
  return layout;
}

// What was cut stays for the next call.
Layout::~Layout() {
  if (lock_.get() < 0) return;
  std::error_code not_empty;
  fs::remove(path_ / work_folder, not_empty);
}

fs::path Layout::blob_path(const Digest& digest) const {
  return path_ / "blobs" / "sha256" / digest.hex();
}

bool Layout::has(const Descriptor& descriptor) const {
  std::error_code error;
  const fs::path path = blob_path(descriptor.digest);
  return fs::is_regular_file(path, error) && fs::file_size(path, error) == descriptor.bytes;
}

Document Layout::index() const {
  const fs::path path = path_ / index_file;
  const auto text = read_text(path);
  if (!text) return {{"schemaVersion", 2}, {"manifests", Document::array()}};
  Document index = parse_document(*text, path.string());
  parse_index(index, path.string());
  return index;
}

std::string Layout::read(const Descriptor& descriptor, const std::string& where) const {
  const fs::path path = blob_path(descriptor.digest);
  const auto bytes = read_text(path);
  if (!bytes)
    throw InputError(fmt::format("{}: the blob {} is missing", where, descriptor.digest.text()));
  if (bytes->size() != descriptor.bytes || Digest::of(*bytes) != descriptor.digest)
    throw InputError(fmt::format("{}: the blob {} is damaged: its content is another", where,
                                 descriptor.digest.text()));
  return *bytes;
}

bool Layout::is_sound(const Descriptor& descriptor, const Control& control) const {
  if (!has(descriptor)) return false;
  std::ifstream file(blob_path(descriptor.digest), std::ios::binary);
  std::vector<char> buffer(1 << 20);
  Sha256 sum;
  std::uint64_t bytes = 0;
  const std::string step = "checking " + descriptor.digest.brief();
  while (file) {
    control.check();
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    const auto got = static_cast<std::size_t>(file.gcount());
    sum.update(std::as_bytes(std::span(buffer)).first(got));
    bytes += got;
    control.tell(step, bytes, descriptor.bytes);
  }
  return bytes == descriptor.bytes && sum.finish() == descriptor.digest;
}

Descriptor Layout::write(const std::string& bytes, const std::string& media_type) {
  const Descriptor descriptor{media_type, Digest::of(bytes), bytes.size()};
  const fs::path file = new_file();
  FileSink sink(file);
  sink.write(std::as_bytes(std::span(bytes)));
  sink.close();
  adopt(file, descriptor.digest);
  return descriptor;
}

fs::path Layout::partial_path(const Digest& digest) const {
  return path_ / work_folder / digest.hex();
}

fs::path Layout::new_file() const {
  return path_ / work_folder / ("new-" + new_id());
}

void Layout::adopt(const fs::path& finished, const Digest& digest) {
  const fs::path path = blob_path(digest);
  if (::rename(finished.c_str(), path.c_str()) != 0) fail_writing(path);
}

void Layout::replace(const char* name, std::string_view text) {
  const fs::path file = new_file();
  FileSink sink(file);
  sink.write(std::as_bytes(std::span(text)));
  sink.close();
  if (::rename(file.c_str(), (path_ / name).c_str()) != 0) fail_writing(path_ / name);
}

void Layout::tag(const Document& descriptor, const std::string& tag) {
  Document document = index();
  Document kept = Document::array();
  for (const Document& entry : document["manifests"]) {
    const Document* const notes = object_member(entry, "annotations", path_.string());
    const std::string name = notes != nullptr ? text_member(*notes, tag_key, path_.string()) : "";
    const bool same = name.empty() && entry["digest"] == descriptor["digest"];
    if (name != tag && !same) kept.push_back(entry);
  }
  kept.push_back(descriptor);
  kept.back()["annotations"][tag_key] = tag;
  document["manifests"] = std::move(kept);
  replace(version_file, version_text);
  replace(index_file, write_document(document, (path_ / index_file).string()));
}

FileSink::FileSink(const fs::path& path, std::uint64_t at)
    : path_(path.string()), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) {
  if (fd_.get() < 0 || ::ftruncate(fd_.get(), static_cast<off_t>(at)) != 0 ||
      ::lseek(fd_.get(), static_cast<off_t>(at), SEEK_SET) < 0)
    fail();
}

void FileSink::fail() const {
  fail_writing(path_);
}

void FileSink::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail();
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void FileSink::close() {
  if (::fdatasync(fd_.get()) != 0 && errno != EINVAL) fail();
  fd_ = UniqueFd();
}

}  // namespace dream::host::oci

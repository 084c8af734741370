#include "host/oci/archive_writer.hpp"

#include <fmt/format.h>

#include <clocale>
#include <utility>

#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

constexpr int block_bytes = 1 << 20;

// libarchive reads and writes names in the locale of the thread: ours are UTF-8, whatever the
// program was started with.
class Utf8Names {
 public:
  Utf8Names() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) before_ = ::uselocale(locale_);
  }
  ~Utf8Names() {
    if (locale_ == nullptr) return;
    ::uselocale(before_);
    ::freelocale(locale_);
  }
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  locale_t locale_;
  locale_t before_ = nullptr;
};

}  // namespace

ArchiveWriter::ArchiveWriter(Take out)
    : sink_(std::make_unique<Sink>()), archive_(archive_write_new(), Free{sink_.get()}) {
  if (!archive_) throw Error("libarchive cannot start");
  sink_->out = std::move(out);
}

la_ssize_t ArchiveWriter::pass_on(struct archive*, void* user, const void* data,
                                  std::size_t bytes) {
  auto& sink = *static_cast<Sink*>(user);
  try {
    if (sink.takes) sink.out({static_cast<const std::byte*>(data), bytes});
  } catch (...) {
    sink.error = std::current_exception();
    sink.takes = false;
  }
  return static_cast<la_ssize_t>(bytes);
}

void ArchiveWriter::check(long result) const {
  if (sink_->error) std::rethrow_exception(std::exchange(sink_->error, nullptr));
  if (result >= ARCHIVE_OK) return;
  const char* const why = archive_error_string(archive_.get());
  throw Error(fmt::format("cannot write a layer: {}", why != nullptr ? why : "libarchive failed"));
}

void ArchiveWriter::open() {
  check(archive_write_set_bytes_per_block(archive_.get(), block_bytes));
  check(archive_write_set_bytes_in_last_block(archive_.get(), 1));
  check(archive_write_open(archive_.get(), sink_.get(), nullptr, pass_on, nullptr));
}

ArchiveWriter ArchiveWriter::tar(Take out) {
  ArchiveWriter writer(std::move(out));
  writer.check(archive_write_set_format_pax_restricted(writer.archive_.get()));
  writer.open();
  return writer;
}

ArchiveWriter ArchiveWriter::compressor(Compression compression, Take out) {
  ArchiveWriter writer(std::move(out));
  struct archive* const raw = writer.archive_.get();
  writer.check(archive_write_set_format_raw(raw));
  if (compression == Compression::gzip) {
    writer.check(archive_write_add_filter_gzip(raw));
    writer.check(archive_write_set_filter_option(raw, "gzip", "timestamp", nullptr));
  } else {
    writer.check(archive_write_add_filter_zstd(raw));
  }
  writer.open();
  writer.add("layer", 0, AE_IFREG, 0644);
  return writer;
}

void ArchiveWriter::add(const std::string& path, std::uint64_t bytes, unsigned type,
                        unsigned mode) {
  const Utf8Names names;
  struct Drop {
    void operator()(archive_entry* entry) const { archive_entry_free(entry); }
  };
  const std::unique_ptr<archive_entry, Drop> entry(archive_entry_new());
  if (!entry) throw std::bad_alloc();
  archive_entry_set_pathname(entry.get(), path.c_str());
  archive_entry_set_filetype(entry.get(), type);
  archive_entry_set_perm(entry.get(), mode);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes));
  archive_entry_set_mtime(entry.get(), 0, 0);
  archive_entry_set_uid(entry.get(), 0);
  archive_entry_set_gid(entry.get(), 0);
  check(archive_write_header(archive_.get(), entry.get()));
}

void ArchiveWriter::add_folder(const std::string& path) {
  add(path, 0, AE_IFDIR, 0755);
}

void ArchiveWriter::add_file(const std::string& path, std::uint64_t bytes) {
  add(path, bytes, AE_IFREG, 0644);
}

void ArchiveWriter::write(std::span<const std::byte> data) {
  while (!data.empty()) {
    const la_ssize_t taken = archive_write_data(archive_.get(), data.data(), data.size());
    check(taken);
    if (taken == 0) throw Error("cannot write a layer: a file gave more bytes than it has");
    data = data.subspan(static_cast<std::size_t>(taken));
  }
}

void ArchiveWriter::finish() {
  check(archive_write_close(archive_.get()));
}

}  // namespace dream::host::oci

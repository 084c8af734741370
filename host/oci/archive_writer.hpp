// libarchive's writer as an object: a stream of entries, or of one entry through a compressor.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string>

#include "host/oci/control.hpp"
#include "host/oci/layer.hpp"

namespace dream::host::oci {

class ArchiveWriter {
 public:
  // tar with pax headers where ustar has no room.
  static ArchiveWriter tar(Take out);
  // What is written as one entry comes out compressed, with no time in it.
  static ArchiveWriter compressor(Compression compression, Take out);

  void add_folder(const std::string& path);
  void add_file(const std::string& path, std::uint64_t bytes);
  void write(std::span<const std::byte> data);  // of the file that was added last
  void finish();

 private:
  // Where libarchive writes to; it keeps the address. It never hears of a failure, nor that an
  // archive is given up: it would then leak its buffers. What it writes after that is dropped.
  struct Sink {
    Take out;
    std::exception_ptr error;  // C code is no place for an exception
    bool takes = true;
  };
  struct Free {
    Sink* sink;
    void operator()(struct archive* writer) const {
      sink->takes = false;
      archive_write_free(writer);
    }
  };

  explicit ArchiveWriter(Take out);
  void open();
  void add(const std::string& path, std::uint64_t bytes, unsigned type, unsigned mode);
  void check(long result) const;
  static la_ssize_t pass_on(struct archive*, void* sink, const void* data, std::size_t bytes);

  std::unique_ptr<Sink> sink_;
  std::unique_ptr<struct archive, Free> archive_;
};

}  // namespace dream::host::oci

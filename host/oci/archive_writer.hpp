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
  struct Free {
    void operator()(struct archive* writer) const {
      archive_write_fail(writer);  // an archive that is given up must not be written to its end
      archive_write_free(writer);
    }
  };
  // Where libarchive writes to; it keeps the address.
  struct Sink {
    Take out;
    std::exception_ptr error;  // C code is no place for an exception
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

#include "host/check/sample_files.hpp"

#include <zlib.h>

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string_view>

#include "weights/store/zip_folder.hpp"

namespace dream::host::check {
namespace {

constexpr unsigned picture_size = 128;  // what the bundled miniature model draws

void add_big_endian(std::string& bytes, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 0xff);
}

void add_chunk(std::string& png, std::string_view type, const std::string& data) {
  add_big_endian(png, static_cast<std::uint32_t>(data.size()));
  const std::string body = std::string(type) + data;
  png += body;
  const auto* bytes = reinterpret_cast<const Bytef*>(body.data());
  add_big_endian(png, static_cast<std::uint32_t>(crc32(0, bytes, static_cast<uInt>(body.size()))));
}

std::filesystem::path write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
  return path;
}

}  // namespace

std::string png_picture(unsigned width, unsigned height) {
  std::string rows;
  for (unsigned y = 0; y < height; ++y) {
    rows += '\0';  // no filter
    for (unsigned x = 0; x < width; ++x) {
      const bool square = x > width / 4 && x < width / 2 && y > height / 4 && y < height / 2;
      rows += static_cast<char>(square ? 20 : x * 255 / width);
      rows += static_cast<char>(square ? 20 : y * 255 / height);
      rows += static_cast<char>(square ? 20 : 128);
    }
  }
  std::string packed(compressBound(rows.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size,
           reinterpret_cast<const Bytef*>(rows.data()), rows.size());
  packed.resize(size);

  std::string header;
  add_big_endian(header, width);
  add_big_endian(header, height);
  header += std::string("\x08\x02\x00\x00\x00", 5);  // 8 bits, RGB, deflate, no filter method
  std::string png = "\x89PNG\r\n\x1a\n";
  add_chunk(png, "IHDR", header);
  add_chunk(png, "IDAT", packed);
  add_chunk(png, "IEND", "");
  return png;
}

SampleFiles write_sample_files(const std::filesystem::path& folder) {
  const std::string picture = png_picture(picture_size, picture_size);
  std::filesystem::create_directory(folder / "pictures");
  write(folder / "pictures/picture.png", picture);
  const auto archive = folder / "pictures.zip";
  weights::zip_folder(folder / "pictures", archive);
  std::string noise = "\x89PNG\r\n\x1a\n";  // looks like a picture at first
  for (unsigned i = 0; i < 500; ++i) noise += static_cast<char>(i * 2654435761U >> 24);
  return {write(folder / "picture.png", picture),
          {write(folder / "one-pixel.png", png_picture(1, 1)),
           write(folder / "cut-off.png", picture.substr(0, picture.size() / 2)),
           write(folder / "empty.png", ""), write(folder / "text.txt", "not a picture\n"),
           write(folder / "noise.png", noise)},
          archive};
}

}  // namespace dream::host::check

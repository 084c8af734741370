#include "host/platform/file_answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "host/base/text.hpp"

namespace dream::host {
namespace {

constexpr std::size_t piece_bytes = 256U << 10;

enum class Asked { all, part, nothing };

// "bytes=0-99", "bytes=100-", "bytes=-100".
Asked read_range(std::string_view text, std::uint64_t size, FilePart& part) {
  constexpr std::string_view unit = "bytes=";
  if (!text.starts_with(unit) || text.find(',') != std::string_view::npos) return Asked::all;
  text.remove_prefix(unit.size());
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return Asked::all;
  const auto first = parse_number<std::uint64_t>(trimmed(text.substr(0, dash)));
  const auto last = parse_number<std::uint64_t>(trimmed(text.substr(dash + 1)));
  if (!first && !last) return Asked::all;
  if (!first) {
    if (*last == 0 || size == 0) return Asked::nothing;
    part.length = std::min(*last, size);
    part.first = size - part.length;
    return Asked::part;
  }
  if (!last && dash + 1 < text.size()) return Asked::all;
  if (last && *last < *first) return Asked::all;
  if (*first >= size) return Asked::nothing;
  part.first = *first;
  part.length = (last ? std::min(*last, size - 1) : size - 1) - *first + 1;
  return Asked::part;
}

bool names(const std::string* header, const std::string& etag) {
  return header != nullptr && (*header == "*" || header->find(etag) != std::string::npos);
}

}  // namespace

ApiAnswer file_answer(const Request& request, const BlobFile& file, const std::string& name,
                      const std::string& type, const std::string& sha256) {
  const std::string etag = "\"" + sha256 + "\"";
  const std::uint64_t size = std::filesystem::file_size(file.path);
  ApiAnswer answer{{200, type, ""}, file};
  answer.part = {0, size};
  answer.response.headers = {{"etag", etag},
                             {"accept-ranges", "bytes"},
                             {"x-content-type-options", "nosniff"},
                             {"content-disposition", "attachment; filename=\"" + name + "\""},
                             {"cache-control", "private, max-age=31536000, immutable"}};
  if (names(request.header("if-none-match"), etag)) {
    answer.response.status = 304;
    answer.file.reset();
    return answer;
  }
  const std::string* const range = request.header("range");
  const std::string* const condition = request.header("if-range");
  if (range == nullptr || (condition != nullptr && *condition != etag)) return answer;
  switch (read_range(*range, size, answer.part)) {
    case Asked::all:
      break;
    case Asked::part:
      answer.response.status = 206;
      answer.response.headers.emplace_back(
          "content-range", fmt::format("bytes {}-{}/{}", answer.part.first,
                                       answer.part.first + answer.part.length - 1, size));
      break;
    case Asked::nothing:
      answer.response = problem_answer(Refusal(416, "The range lies outside the file"));
      answer.response.headers.emplace_back("content-range", fmt::format("bytes */{}", size));
      answer.file.reset();
      break;
  }
  return answer;
}

void send_file(Exchange& exchange, ApiAnswer answer) {
  if (exchange.request().method == "HEAD") return exchange.respond(std::move(answer.response));
  const auto file = std::make_shared<std::ifstream>(answer.file->path, std::ios::binary);
  file->seekg(static_cast<std::streamoff>(answer.part.first));
  exchange.begin_stream(
      std::move(answer.response),
      [file, left = answer.part.length, held = answer.file->hold]() mutable {
        const auto piece =
            std::make_shared<std::string>(std::min<std::uint64_t>(piece_bytes, left), '\0');
        file->read(piece->data(), static_cast<std::streamsize>(piece->size()));
        piece->resize(static_cast<std::size_t>(file->gcount()));
        left -= piece->size();
        return BodyPiece{piece, left == 0 || !*file};
      });
}

}  // namespace dream::host

#include "host/platform/platform_core.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <array>

#include "host/base/ids.hpp"
#include "host/storage/schema.hpp"

namespace dream::host {
namespace {

constexpr char file_purpose[] = "file";
constexpr char files_path[] = "/files/";

std::string address_of(const PlatformOptions& options) {
  if (!options.database.empty()) return options.database;
  return "sqlite:" + (options.data / "platform.sqlite").string();
}

// The tables before anything that reads them.
sql::Pool open_tables(const PlatformOptions& options) {
  std::filesystem::create_directories(options.data);
  return sql::Pool(address_of(options));
}

std::unique_ptr<BlobStore> open_store(const PlatformOptions& options) {
  const auto folder = options.data / "blobs";
  if (!options.s3) return open_blob_directory(folder);
  s3::BlobOptions s3 = *options.s3;
  s3.folder = folder;
  return s3::open_blobs(s3);
}

std::string signing_secret(sql::Pool& pool) {
  migrate(pool);
  return shared_setting(pool, "capability_secret", new_id() + new_id());
}

std::string instance_name() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return std::string(host.data()) + ":" + std::to_string(::getpid()) + ":" + new_id();
}

}  // namespace

PlatformCore::PlatformCore(const PlatformOptions& chosen, std::unique_ptr<Images> image_tools)
    : instance(instance_name()),
      options(chosen),
      images(std::move(image_tools)),
      pool(open_tables(chosen)),
      blobs(open_store(chosen)),
      capabilities(signing_secret(pool)),
      // The body is what GET shows at that moment, but for the logs, which may be large.
      announce([this](const Training& training,
                      const std::vector<Step>& now) -> std::optional<NewDelivery> {
        if (!training.webhook) return std::nullopt;
        const std::string base = options.public_url.empty() ? own_url : options.public_url;
        TrainingParts parts{training, now, {}, ""};
        add_urls(parts, base);
        Json body = training_view(parts, base);
        body["logs"] = nullptr;
        return NewDelivery{training.id, *training.webhook, to_text(body)};
      }),
      trainings(pool, announce),
      steps(pool, announce),
      deliveries(pool),
      reports(pool),
      models(pool),
      files(pool),
      replies(pool) {}

void PlatformCore::add_urls(TrainingParts& parts, const std::string& base) const {
  const Training& training = parts.training;
  parts.stream_url = base + "/streams/" + capabilities.make("stream", training.id);
  if (training.weights)
    parts.weights_url =
        base + "/weights/" + capabilities.make("weights", training.id) + "/output.zip";
}

TrainingParts PlatformCore::parts_of(const Training& training, const std::string& base) {
  TrainingParts parts{training, trainings.steps(training.id), deliveries.about(training.id),
                      trainings.logs(training.id).text};
  add_urls(parts, base);
  return parts;
}

std::string PlatformCore::file_url(const std::string& base, const FileRecord& file) const {
  return base + files_path + capabilities.make(file_purpose, file.id) + "/" + file.name;
}

std::optional<FileRecord> PlatformCore::own_file(const std::string& url) {
  // Whatever name the client has for us: what makes a URL ours is the signature in it.
  const std::size_t at = url.find(files_path);
  if (at == std::string::npos) return std::nullopt;
  const std::size_t begin = at + std::string(files_path).size();
  const std::size_t end = url.find('/', begin);
  if (end == std::string::npos) return std::nullopt;
  const auto id = capabilities.check(file_purpose, url.substr(begin, end - begin));
  return id ? files.find(*id) : std::nullopt;
}

}  // namespace dream::host

#include "host/platform/platform_core.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "host/base/ids.hpp"
#include "host/base/text.hpp"
#include "host/platform/stored_prediction_view.hpp"
#include "host/storage/blob_rows.hpp"
#include "host/storage/schema.hpp"

namespace dream::host {
namespace {

// From when a blob is stored to when it is referred to: a large one may be hours on its way.
constexpr Micros blob_grace = 24 * 3600'000'000LL;
constexpr char file_purpose[] = "file";
constexpr char files_path[] = "/files/";
constexpr std::string_view client_files_path = "/v1/files/";

// Of a training's log that webhooks of the Replicate API have: the end of it.
constexpr std::int64_t most_told_log = 64 << 10;

bool wants(const Training& training, const std::string& event) {
  if (!training.webhook_events) return event == "completed";
  const Json events = Json::parse(*training.webhook_events);
  return std::find(events.begin(), events.end(), Json(event)) != events.end();
}

// What stands between "/files/" and the next slash.
std::optional<std::string> capability_in(const std::string& url) {
  const std::size_t at = url.find(files_path);
  if (at == std::string::npos) return std::nullopt;
  const std::size_t begin = at + std::string_view(files_path).size();
  const std::size_t end = url.find('/', begin);
  if (end == std::string::npos) return std::nullopt;
  return url.substr(begin, end - begin);
}

// Of "https://host/v1/files/ID" the id.
std::string client_file_id(const std::string& url) {
  const std::size_t at = url.rfind(client_files_path);
  if (at == std::string::npos || !url.starts_with("http")) return "";
  const std::string id = url.substr(at + client_files_path.size());
  const bool plain = id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") ==
                     std::string::npos;
  return plain ? id : "";
}

std::string address_of(const PlatformOptions& options) {
  if (!options.database.empty()) return options.database;
  return "sqlite:" + (options.data / "platform.sqlite").string();
}

// The tables before anything that reads them.
sql::Pool open_tables(const PlatformOptions& options) {
  std::filesystem::create_directories(options.data);
  return sql::Pool(address_of(options));
}

std::unique_ptr<BlobStore> open_store(const PlatformOptions& options, sql::Pool& pool) {
  const auto folder = options.data / "blobs";
  const AnnounceBlob announce = [&pool](const Blob& blob) {
    announce_blob(pool, blob, blob_grace);
  };
  if (!options.s3) return open_blob_directory(folder, announce);
  s3::BlobOptions s3 = *options.s3;
  s3.folder = folder;
  s3.announce = announce;
  return s3::open_blobs(s3);
}

std::optional<Micros> micros(const KeepTimes::Time& time) {
  if (!time) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::microseconds>(*time).count();
}

RetentionRules rules_of(const PlatformOptions& options) {
  RetentionRules rules;
  rules.trainings = micros(options.keep.trainings);
  rules.predictions = micros(options.keep.predictions);
  rules.files = micros(options.keep.files);
  rules.uploads = std::max(rules.uploads, micros(options.limits.upload_window).value());
  return rules;
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
      blobs(open_store(chosen, pool)),
      capabilities(signing_secret(pool)),
      // The body is what GET shows at that moment, but for the logs, which may be large.
      announce([this](sql::Database& database, const Training& training,
                      const std::vector<Step>& now,
                      const std::string& event) -> std::optional<NewDelivery> {
        if (!training.webhook || !wants(training, event)) return std::nullopt;
        const std::string base = options.public_url.empty() ? own_url : options.public_url;
        TrainingParts parts{training, now, {}, ""};
        add_urls(parts, base);
        Json body = training_view(parts, base);
        body["logs"] = training.origin == "replicate"
                           ? Json(valid_utf8(log_tail(database, training, most_told_log)))
                           : Json();
        NewDelivery delivery{training.id, *training.webhook, to_text(body), training.account};
        delivery.event = event;
        if (event != "completed") delivery.tries = 1;  // the next one tells all of it again
        return delivery;
      }),
      trainings(pool, announce),
      steps(pool, announce),
      announce_prediction([this](const StoredPrediction& prediction, const std::string& event) {
        const std::string base = options.public_url.empty() ? own_url : options.public_url;
        return prediction_delivery(*this, prediction, event, base);
      }),
      predictions(pool, announce_prediction),
      prediction_queue(pool, announce_prediction),
      deployments(pool),
      deliveries(pool),
      reports(pool, announce),
      models(pool),
      files(pool),
      replies(pool),
      retention(pool, *blobs, rules_of(chosen)) {}

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
  const auto capability = capability_in(url);
  const auto id = capability ? capabilities.check(file_purpose, *capability) : std::nullopt;
  return id ? files.find(*id) : std::nullopt;
}

std::vector<std::string> PlatformCore::files_in(const Json& input, const std::string& account) {
  std::vector<std::string> found;
  if (input.is_structured()) {
    for (const Json& each : input) {
      const auto more = files_in(each, account);
      found.insert(found.end(), more.begin(), more.end());
    }
  }
  if (!input.is_string()) return found;
  const auto& text = input.get_ref<const std::string&>();
  const std::string id = client_file_id(text);
  const auto file = id.empty() ? std::nullopt : files.find(id);
  if (file && file->account == account) found.push_back(id);
  const auto capability = capability_in(text);
  if (const auto own = capability ? capabilities.check(file_purpose, *capability) : std::nullopt)
    found.push_back(*own);
  return found;
}

std::string PlatformCore::rebased(const std::string& url, const std::string& base) const {
  const auto capability = capability_in(url);
  if (!capability || !capabilities.check(file_purpose, *capability)) return url;
  return base + url.substr(url.find(files_path));
}

Json PlatformCore::reachable(const Json& input, const std::string& account,
                             const std::string& base) {
  if (input.is_structured()) {
    Json result = input;
    for (Json& each : result) each = reachable(each, account, base);
    return result;
  }
  if (!input.is_string()) return input;
  const auto& text = input.get_ref<const std::string&>();
  const std::string id = client_file_id(text);
  const auto file = id.empty() ? std::nullopt : files.find(id);
  if (file && file->account == account && file->sha256) return file_url(base, *file);
  return rebased(text, base);
}

std::string PlatformCore::served_with(const std::string& template_name) const {
  const HostingOptions& hosting = options.hosting;
  const auto chosen = hosting.served_with.find(template_name);
  if (chosen != hosting.served_with.end()) return chosen->second;
  const bool known = std::find(hosting.installed.begin(), hosting.installed.end(),
                               template_name) != hosting.installed.end();
  return known ? template_name : "";
}

}  // namespace dream::host

// The routes of PlatformApi about files: uploads to URLs that are signed, and what is served.
#include <fmt/format.h>

#include "host/base/ids.hpp"
#include "host/base/mime.hpp"
#include "host/platform/api.hpp"

namespace dream::host {
namespace {

constexpr char upload_purpose[] = "upload";
constexpr char trainer_purpose[] = "trainer";
constexpr std::size_t longest_name = 200;

// A body on its way into the blob store.
class BlobSink : public BodySink {
 public:
  BlobSink(BlobStore& store, std::uint64_t limit) : writer_(store.write()), limit_(limit) {}
  std::uint64_t limit() const override { return limit_; }
  void write(std::string_view bytes) override { writer_->write(bytes); }
  Blob finish() { return writer_->finish(); }

 private:
  std::unique_ptr<BlobWriter> writer_;
  std::uint64_t limit_;
};

// A name that needs no escapes in a URL and leads nowhere.
std::string plain_name(const std::string& name) {
  std::string plain;
  for (const char c : name) {
    const bool keeps = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_';
    plain += keeps ? c : '_';
  }
  if (plain.size() > longest_name) plain = plain.substr(plain.size() - longest_name);
  const bool dots = plain.find_first_not_of('.') == std::string::npos;
  return dots ? "file" : plain;
}

// What stands before the training's run in a trainer's capability, and the run.
std::string output_id(const std::string& subject) {
  std::string id = "output_" + subject;
  for (char& c : id) {
    if (c == '.') c = '_';
  }
  return id;
}

Blob finish(Request& request) {
  const auto sink = std::dynamic_pointer_cast<BlobSink>(request.sink);
  if (!sink) throw Refusal(404, "Not found.");
  return sink->finish();
}

ApiAnswer file_answer(const BlobFile& file, const std::string& name, const std::string& type,
                      const std::string& sha256) {
  ApiAnswer answer{{200, type, ""}, file};
  answer.response.headers = {{"etag", "\"" + sha256 + "\""},
                             {"x-content-type-options", "nosniff"},
                             {"content-disposition", "attachment; filename=\"" + name + "\""},
                             {"cache-control", "private, max-age=31536000, immutable"}};
  return answer;
}

}  // namespace

void PlatformApi::add_file_routes(const AddRoute& add, const AddUpload& add_upload) {
  const auto bound = [this](ApiAnswer (PlatformApi::*method)(Request&)) {
    return [this, method](Request& request) { return (this->*method)(request); };
  };
  add("POST", "/v1/upload/{name}", bound(&PlatformApi::begin_upload));
  add("GET", "/files/{capability}/{name}", bound(&PlatformApi::get_file));
  add("GET", "/weights/{capability}/{name}", bound(&PlatformApi::get_weights));
  add_upload("/uploads/{capability}/{name}",
             [this](const Request& head) { return open_upload(upload_purpose, head); },
             bound(&PlatformApi::finish_upload));
  add_upload("/outputs/{capability}/{name}",
             [this](const Request& head) { return open_upload(trainer_purpose, head); },
             bound(&PlatformApi::finish_output));
}

ApiAnswer PlatformApi::begin_upload(Request& request) {
  const std::string account = core_.options.accounts.of(request);
  const std::uint64_t most = core_.options.limits.account_bytes;
  if (most > 0 && static_cast<std::uint64_t>(core_.files.bytes_of(account)) >= most) {
    Refusal refusal(429, fmt::format("Request was throttled. The uploads of your account have {} "
                                     "bytes, which is as many as may be",
                                     most));
    refusal.retry_after_s = 3600;
    throw refusal;
  }
  const std::string* const type = request.header("content-type");
  FileRecord file;
  file.id = new_id();
  file.account = account;
  file.purpose = upload_purpose;
  file.name = plain_name(request.parameters.at("name"));
  file.content_type = type != nullptr && type->find("json") == std::string::npos && !type->empty()
                          ? *type
                          : std::string(media_type_of(file.name));
  file.created_at = now_micros();
  core_.files.add(file);
  const std::string base = base_of(core_.options, request);
  const Micros window = std::chrono::duration_cast<std::chrono::microseconds>(
                            core_.options.limits.upload_window)
                            .count();
  const std::string capability =
      core_.capabilities.make_until(upload_purpose, file.id, file.created_at + window);
  return {json_answer(200, {{"upload_url", base + "/uploads/" + capability + "/" + file.name},
                            {"serving_url", core_.file_url(base, file)}})};
}

// Before the body is read: null lets the handler refuse it.
std::shared_ptr<BodySink> PlatformApi::open_upload(const char* purpose, const Request& head) {
  if (!core_.capabilities.check(purpose, head.parameters.at("capability"))) return nullptr;
  const PlatformLimits& limits = core_.options.limits;
  const bool of_client = std::string_view(purpose) == upload_purpose;
  return std::make_shared<BlobSink>(*core_.blobs,
                                    of_client ? limits.upload_bytes : limits.weights_bytes);
}

ApiAnswer PlatformApi::finish_upload(Request& request) {
  const auto id = core_.capabilities.check(upload_purpose, request.parameters.at("capability"));
  if (!id) throw Refusal(403, "The upload_url is not one of this platform, or has expired");
  const Blob blob = finish(request);
  if (!core_.files.set_content(*id, blob.sha256, static_cast<std::int64_t>(blob.bytes)))
    throw Refusal(404, "Not found.");
  return {{.status = 200}};
}

// A trainer puts a file of its output here; the answer says how it is fetched.
ApiAnswer PlatformApi::finish_output(Request& request) {
  const auto subject =
      core_.capabilities.check(trainer_purpose, request.parameters.at("capability"));
  if (!subject) throw Refusal(404, "Not found.");
  const Blob blob = finish(request);
  FileRecord file;
  file.id = output_id(*subject) + "_" + blob.sha256.substr(0, 16);
  file.account = "";  // of the platform itself: it counts for nobody's quota
  file.purpose = "output";
  file.name = plain_name(request.parameters.at("name"));
  file.content_type = std::string(media_type_of(file.name));
  file.created_at = now_micros();
  if (!core_.files.find(file.id)) core_.files.add(file);  // a trainer may try again
  core_.files.set_content(file.id, blob.sha256, static_cast<std::int64_t>(blob.bytes));
  ApiAnswer answer{{.status = 201}};
  answer.response.headers.emplace_back("location", core_.file_url(core_.own_url, file));
  return answer;
}

ApiAnswer PlatformApi::get_file(Request& request) {
  const auto file = core_.own_file(request.path);
  const auto blob = file && file->sha256 ? core_.blobs->open(*file->sha256) : std::nullopt;
  if (!blob) throw Refusal(404, "Not found.");
  return file_answer(*blob, file->name, file->content_type, *file->sha256);
}

ApiAnswer PlatformApi::get_weights(Request& request) {
  const auto id = core_.capabilities.check("weights", request.parameters.at("capability"));
  const auto training = id ? core_.trainings.find(*id) : std::nullopt;
  const auto blob =
      training && training->weights ? core_.blobs->open(*training->weights) : std::nullopt;
  if (!blob) throw Refusal(404, "Not found.");
  return file_answer(*blob, "output.zip", "application/zip", *training->weights);
}

}  // namespace dream::host

// The routes of ReplicateApi about files that clients upload to use them as inputs.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <set>

#include "host/base/base64.hpp"
#include "host/base/ids.hpp"
#include "host/base/mime.hpp"
#include "host/base/text.hpp"
#include "host/platform/blob_sink.hpp"
#include "host/platform/file_answer.hpp"
#include "host/platform/multipart.hpp"
#include "host/platform/paging.hpp"
#include "host/platform/replicate_api.hpp"
#include "host/platform/webhook_secret.hpp"
#include "host/webhooks/hmac.hpp"

namespace dream::host {
namespace {

constexpr char purpose[] = "file";
constexpr char not_found[] = "The requested resource could not be found.";
// What is kept for ever: some clients need a time. Before the clocks that count nanoseconds end.
constexpr Micros never = 7'258'118'400'000'000;
constexpr std::size_t longest_field = 64U << 10;
const std::set<std::string, std::less<>> known_fields = {"filename", "metadata", "type"};

// A form with a file in it.
class FormSink : public BodySink {
 public:
  FormSink(BlobStore& store, const std::string& content_type, std::uint64_t limit)
      : store_(store), limit_(limit), form_(content_type, events()) {}

  std::uint64_t limit() const override { return limit_; }
  void write(std::string_view bytes) override { form_.write(bytes); }

  // Throws Refusal (422).
  Blob finish() {
    form_.finish();
    if (!content_) throw Refusal(422, "content: it is missing: the part with the file", "content");
    return content_->finish();
  }
  const PartHead& head() const { return head_; }
  std::string field(const std::string& name) const {
    const auto found = fields_.find(name);
    return found == fields_.end() ? "" : found->second;
  }

 private:
  MultipartReader::Events events() {
    return {[this](const PartHead& head) { begin(head); },
            [this](std::string_view bytes) { take(bytes); }, [] {}};
  }
  void begin(const PartHead& head) {
    current_ = head.name;
    if (current_ != "content") return;
    if (content_) throw MultipartError("there are two parts \"content\"");
    head_ = head;
    content_ = store_.write();
  }
  void take(std::string_view bytes) {
    if (current_ == "content") return content_->write(bytes);
    if (!known_fields.contains(current_)) return;
    std::string& field = fields_[current_];
    if (field.size() + bytes.size() > longest_field)
      throw MultipartError("the part \"" + current_ + "\" is too long");
    field += bytes;
  }

  BlobStore& store_;
  std::uint64_t limit_;
  FormBody form_;
  std::string current_;
  PartHead head_;
  std::unique_ptr<BlobWriter> content_;
  std::map<std::string, std::string> fields_;
};

Json read_metadata(const std::string& text) {
  if (text.empty()) return Json::object();
  Json metadata = Json::parse(text, nullptr, false);
  if (!metadata.is_object()) throw Refusal(422, "metadata: a JSON object is needed", "metadata");
  return metadata;
}

Micros end_of(const FileRecord& file, const KeepTimes::Time& kept) {
  if (!kept) return never;
  return file.created_at + std::chrono::duration_cast<std::chrono::microseconds>(*kept).count();
}

Json file_view(const FileRecord& file, const std::string& base, const KeepTimes::Time& kept) {
  const std::string sha256 = file.sha256.value_or("");
  return {{"id", file.id},
          {"name", file.name},
          {"content_type", file.content_type},
          {"size", file.bytes},
          {"etag", sha256.substr(0, 32)},
          {"checksums", {{"sha256", sha256}}},
          {"metadata", Json::parse(file.metadata)},
          {"created_at", wire_time(file.created_at)},
          {"expires_at", wire_time(std::min(never, end_of(file, kept)))},
          {"urls", {{"get", base + "/v1/files/" + file.id}}}};
}

}  // namespace

void ReplicateApi::add_file_routes(const AddRoute& add, const AddUpload& add_upload) {
  add_upload("POST", "/v1/files", [this](const Request& head) { return open_form(head); },
             bound(&ReplicateApi::create_file));
  add("GET", "/v1/files", bound(&ReplicateApi::list_files));
  add("GET", "/v1/files/{id}", bound(&ReplicateApi::get_file));
  add("DELETE", "/v1/files/{id}", bound(&ReplicateApi::delete_file), WaitsFor::others);
  add("GET", "/v1/files/{id}/download", bound(&ReplicateApi::download_file), WaitsFor::others);
}

// Before the body is read: null lets the handler refuse it.
std::shared_ptr<BodySink> ReplicateApi::open_form(const Request& head) {
  const std::string* const type = head.header("content-type");
  try {
    account_of(head);
    return std::make_shared<FormSink>(*core_.blobs, type == nullptr ? "" : *type,
                                      core_.options.limits.upload_bytes);
  } catch (const Refusal&) {
    return nullptr;
  } catch (const MultipartError&) {
    return nullptr;
  }
}

ApiAnswer ReplicateApi::create_file(Request& request) {
  const Caller caller = core_.options.accounts.caller(request);
  const auto form = std::dynamic_pointer_cast<FormSink>(request.sink);
  if (!form)
    throw Refusal(415, "Content-Type: multipart/form-data with a part \"content\" is needed");
  check_bytes(core_, caller, "files");
  const Json metadata = read_metadata(form->field("metadata"));
  const Blob blob = form->finish();
  FileRecord file;
  file.id = new_id();
  file.account = caller.account;
  file.token = caller.token;
  file.purpose = purpose;
  const std::string named = form->field("filename");
  file.name = plain_name(named.empty() ? form->head().file_name : named);
  const std::string typed = form->field("type");
  file.content_type = !typed.empty() ? valid_utf8(typed) : form->head().content_type;
  if (file.content_type.empty()) file.content_type = std::string(media_type_of(file.name));
  std::erase_if(file.content_type, [](char c) { return c < ' '; });
  file.metadata = to_text(metadata);
  file.bytes = static_cast<std::int64_t>(blob.bytes);
  file.sha256 = blob.sha256;
  file.created_at = now_micros();
  core_.files.add(file);
  return {json_answer(201, file_view(file, base_of(core_.options, request),
                                     core_.options.keep.files))};
}

ApiAnswer ReplicateApi::list_files(Request& request) {
  const std::string account = account_of(request);
  const std::string base = base_of(core_.options, request);
  const auto start = read_cursor(request);
  const auto place = [](const FileRecord& file) { return PageStart{file.created_at, file.id}; };
  const auto view = [&](const FileRecord& file) {
    return file_view(file, base, core_.options.keep.files);
  };
  return {json_answer(200, page_of(core_.files.list(account, purpose, start, page_size + 1), start,
                                   base + "/v1/files", place, view))};
}

FileRecord ReplicateApi::own_file(const Request& request) {
  const std::string account = account_of(request);
  auto file = core_.files.find(path_name(request, "id"));
  if (!file || file->account != account || file->purpose != purpose || file->removed_at)
    throw Refusal(404, not_found);
  return std::move(*file);
}

ApiAnswer ReplicateApi::get_file(Request& request) {
  return {json_answer(200, file_view(own_file(request), base_of(core_.options, request),
                                     core_.options.keep.files))};
}

ApiAnswer ReplicateApi::delete_file(Request& request) {
  const std::string id = own_file(request).id;
  if (!core_.files.remove(id)) throw Refusal(404, not_found);
  try {
    core_.retention.remove_file(id);
  } catch (const BlobsUnavailable& error) {  // it is nobody's any more, and goes later
    spdlog::warn("a file's blob cannot be removed yet: {}", error.what());
  }
  return {{.status = 204}};
}

// For whoever has the URL: its owner signed it with the secret of the account.
ApiAnswer ReplicateApi::download_file(Request& request) {
  const std::string id = path_name(request, "id");
  const std::string owner = query_of(request, "owner");
  const std::string expiry = query_of(request, "expiry");
  const auto end = parse_number<std::int64_t>(expiry);
  const auto file = core_.files.find(id);
  const bool known = file && file->purpose == purpose && file->account == owner && file->sha256 &&
                     !file->removed_at;
  const std::string secret = known ? webhook_secret(core_.pool, owner) : "";
  const std::string expected = base64_encode(
      hmac_sha256(secret, fmt::format("{} {} {}", owner, id, expiry)));
  if (!known || !equal_in_constant_time(expected, query_of(request, "signature")))
    throw Refusal(404, not_found);
  if (!end || *end * 1'000'000 < now_micros())
    throw Refusal(403, "expiry: the URL has expired", "expiry");
  const auto blob = core_.blobs->open(*file->sha256);
  if (!blob) throw Refusal(404, not_found);
  return file_answer(request, *blob, file->name, file->content_type, *file->sha256);
}

}  // namespace dream::host

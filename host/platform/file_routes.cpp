// The routes of PlatformApi about files: uploads to URLs that are signed, and what is served.
#include "host/base/ids.hpp"
#include "host/base/mime.hpp"
#include "host/base/text.hpp"
#include "host/platform/api.hpp"
#include "host/platform/blob_sink.hpp"
#include "host/platform/file_answer.hpp"
#include "host/platform/prediction_host.hpp"
#include "host/platform/request_fields.hpp"

namespace dream::host {
namespace {

constexpr char upload_purpose[] = "upload";
constexpr char trainer_purpose[] = "trainer";

// What stands before the training's run in a trainer's capability, and the run.
std::string output_id(const std::string& subject) {
  std::string id = "output_" + subject;
  for (char& c : id) {
    if (c == '.') c = '_';
  }
  return id;
}

// Of the platform itself: it counts for nobody's quota.
ApiAnswer keep_output(PlatformCore& core, Request& request, const std::string& id,
                      const std::string& subject) {
  const Blob blob = finish_blob(request);
  FileRecord file;
  file.id = id + "_" + blob.sha256.substr(0, 16);
  file.account = "";
  file.purpose = "output";
  file.name = plain_name(request.parameters.at("name"));
  file.content_type = std::string(media_type_of(file.name));
  file.bytes = static_cast<std::int64_t>(blob.bytes);
  file.sha256 = blob.sha256;
  file.created_at = now_micros();
  file.subject = subject;
  core.files.add_or_replace(file);
  ApiAnswer answer{{.status = 201}};
  answer.response.headers.emplace_back("location", core.file_url(core.own_url, file));
  return answer;
}

// Of {"filename": "data.zip"}; clients that say nothing bring an archive of pictures.
std::string name_in(const std::string& body) {
  constexpr std::size_t longest = 1000;
  const Json json = Json::parse(body, nullptr, false);
  const auto name = json.is_object() ? text_field(json, "filename", longest) : std::nullopt;
  return name ? plain_name(*name) : "data.zip";
}

}  // namespace

void PlatformApi::add_file_routes(const AddRoute& add, const AddUpload& add_upload) {
  const auto open_form = [this](const Request& head) { return open_upload_form(head); };
  for (const char* pattern : {"/v1/upload", "/v1/upload/{name}"})
    add_upload("POST", pattern, open_form, bound(&PlatformApi::begin_upload));
  add("GET", "/files/{capability}/{name}", bound(&PlatformApi::get_file), WaitsFor::others);
  add("GET", "/weights/{capability}/{name}", bound(&PlatformApi::get_weights), WaitsFor::others);
  add_upload("PUT", "/uploads/{capability}/{name}",
             [this](const Request& head) { return open_upload(upload_purpose, head); },
             bound(&PlatformApi::finish_upload));
  add_upload("PUT", "/outputs/{capability}/{name}",
             [this](const Request& head) { return open_upload(trainer_purpose, head); },
             bound(&PlatformApi::finish_output));
  add_upload("PUT", "/host-outputs/{capability}/{name}",
             [this](const Request& head) { return open_upload(host_output_purpose, head); },
             bound(&PlatformApi::finish_host_output));
}

// There are clients that send the file itself at once, in a form. Before the body is read: null
// leaves it in memory, where it is small.
std::shared_ptr<BodySink> PlatformApi::open_upload_form(const Request& head) {
  const std::string* const type = head.header("content-type");
  if (type == nullptr || !lower(*type).starts_with("multipart/form-data")) return nullptr;
  try {
    core_.options.accounts.of(head);
    return std::make_shared<FormFileSink>(*core_.blobs, core_.options.limits.upload_bytes, *type);
  } catch (const Refusal&) {
    return nullptr;
  } catch (const MultipartError&) {
    return nullptr;
  }
}

// With a name in the path, in a JSON object ("filename"), or that of the file in a form.
ApiAnswer PlatformApi::begin_upload(Request& request) {
  const Caller caller = core_.options.accounts.caller(request);
  check_bytes(core_, caller, "uploads");
  const auto form = std::dynamic_pointer_cast<FormFileSink>(request.sink);
  const std::string* const type = request.header("content-type");
  const bool is_form = type != nullptr && lower(*type).starts_with("multipart/form-data");
  if (is_form && !form) throw Refusal(422, "the form cannot be read: it names no boundary");
  FileRecord file;
  file.id = new_id();
  file.account = caller.account;
  file.token = caller.token;
  file.purpose = upload_purpose;
  const auto named = request.parameters.find("name");
  file.name = named != request.parameters.end() ? plain_name(named->second)
              : form                            ? plain_name(form->file_name())
                                                : name_in(request.body);
  file.content_type = type != nullptr && type->find("json") == std::string::npos &&
                              !type->empty() && !is_form
                          ? *type
                          : std::string(media_type_of(file.name));
  file.created_at = now_micros();
  if (form) {
    const Blob blob = form->finish();
    file.sha256 = blob.sha256;
    file.bytes = static_cast<std::int64_t>(blob.bytes);
  }
  core_.files.add(file);
  const std::string base = base_of(core_.options, request);
  const Micros window = std::chrono::duration_cast<std::chrono::microseconds>(
                            core_.options.limits.upload_window)
                            .count();
  const std::string capability =
      core_.capabilities.make_until(upload_purpose, file.id, file.created_at + window);
  const std::string serving = core_.file_url(base, file);
  Json urls = {{"upload_url", base + "/uploads/" + capability + "/" + file.name},
               {"serving_url", serving}};
  // What clients that need no name in the path look for.
  if (named == request.parameters.end()) urls["url"] = urls["final_url"] = serving;
  return {json_answer(200, urls)};
}

// Before the body is read: null lets the handler refuse it.
std::shared_ptr<BodySink> PlatformApi::open_upload(const char* purpose, const Request& head) {
  if (!core_.capabilities.check(purpose, head.parameters.at("capability"))) return nullptr;
  const PlatformLimits& limits = core_.options.limits;
  const bool of_client = std::string_view(purpose) == upload_purpose;
  const std::uint64_t limit = of_client ? limits.upload_bytes : limits.weights_bytes;
  const std::string* const type = head.header("content-type");
  if (of_client && type != nullptr && lower(*type).starts_with("multipart/form-data")) {
    try {
      return std::make_shared<FormFileSink>(*core_.blobs, limit, *type);
    } catch (const MultipartError&) {  // it is called a form, and has no boundary
    }
  }
  return std::make_shared<BlobSink>(*core_.blobs, limit);
}

ApiAnswer PlatformApi::finish_upload(Request& request) {
  const auto id = core_.capabilities.check(upload_purpose, request.parameters.at("capability"));
  if (!id) throw Refusal(403, "The upload_url is not one of this platform, or has expired");
  const Blob blob = finish_blob(request);
  if (!core_.files.set_content(*id, blob.sha256, static_cast<std::int64_t>(blob.bytes)))
    throw Refusal(404, "Not found.");
  return {{.status = 200}};
}

// A trainer puts a file of its output here; the answer says how it is fetched.
ApiAnswer PlatformApi::finish_output(Request& request) {
  const auto subject =
      core_.capabilities.check(trainer_purpose, request.parameters.at("capability"));
  if (!subject) throw Refusal(404, "Not found.");
  return keep_output(core_, request, output_id(*subject), subject->substr(0, subject->rfind('.')));
}

ApiAnswer PlatformApi::finish_host_output(Request& request) {
  const auto subject =
      core_.capabilities.check(host_output_purpose, request.parameters.at("capability"));
  const std::string* const prediction = request.header("x-prediction-id");
  if (!subject || prediction == nullptr || !core_.predictions.find(*prediction))
    throw Refusal(404, "Not found.");
  return keep_output(core_, request, output_id(*prediction), *prediction);
}

ApiAnswer PlatformApi::get_file(Request& request) {
  const auto file = core_.own_file(request.path);
  const auto blob = file && file->sha256 ? core_.blobs->open(*file->sha256) : std::nullopt;
  if (!blob) throw Refusal(404, "Not found.");
  return file_answer(request, *blob, file->name, file->content_type, *file->sha256);
}

ApiAnswer PlatformApi::get_weights(Request& request) {
  const auto id = core_.capabilities.check("weights", request.parameters.at("capability"));
  const auto training = id ? core_.trainings.find(*id) : std::nullopt;
  const auto blob =
      training && training->weights ? core_.blobs->open(*training->weights) : std::nullopt;
  if (!blob) throw Refusal(404, "Not found.");
  return file_answer(request, *blob, "output.zip", "application/zip", *training->weights);
}

}  // namespace dream::host

#include "host/platform/weights_intake.hpp"

#include <fmt/format.h>

#include <array>

#include "host/base/base64.hpp"
#include "host/base/ids.hpp"
#include "host/base/text.hpp"
#include "host/downloads/large_download.hpp"
#include "weights/store/zip_listing.hpp"

namespace dream::host {
namespace {

// What the known trainers call their archives of pictures.
constexpr std::array dataset_inputs{"instance_data", "class_data", "input_images"};

bool is_http(const std::string& url) {
  return url.starts_with("http://") || url.starts_with("https://");
}

// The query may hold a secret.
std::string shown(const std::string& url) {
  return valid_utf8(url.substr(0, std::min<std::size_t>(url.find('?'), 200)));
}

// Nothing if it is no data URL in base64.
std::optional<Blob> store_data_url(PlatformCore& core, std::string_view url) {
  const std::size_t comma = url.find(',');
  if (comma == std::string_view::npos || !url.substr(0, comma).ends_with(";base64"))
    return std::nullopt;
  const auto bytes = base64_decode(url.substr(comma + 1));
  if (!bytes) return std::nullopt;
  const auto writer = core.blobs->write();
  writer->write(*bytes);
  return writer->finish();
}

// Into a file of the store's scratch folder.
std::filesystem::path download(StepContext& context, const std::string& url,
                               const std::string& what, std::uint64_t most_bytes) {
  PlatformCore& core = context.core();
  LargeDownload wanted;
  wanted.source = {url, core.options.addresses, "dream/" DREAM_VERSION, 5, &context.ended()};
  wanted.path = core.blobs->scratch() / new_id();
  wanted.most_bytes = most_bytes;
  try {
    download_large(wanted, [&](std::uint64_t done, std::uint64_t total) {
      context.progress("fetching " + shown(url), done, total);
    });
    return wanted.path;
  } catch (const StepInterrupted&) {
    throw;
  } catch (const UnreachableError& error) {
    context.check();
    throw std::runtime_error(what + ": " + shown(url) + " does not answer");
  } catch (const DiskFullError&) {
    throw std::runtime_error(what + ": the disk of the platform is full");
  } catch (const std::runtime_error& error) {
    context.check();
    std::string text = error.what();
    const std::size_t at = text.find(url);
    if (at != std::string::npos) text.replace(at, url.size(), shown(url));
    throw StepFailed(what + ": " + text);
  }
}

// The blob of one of our own files. Throws StepFailed if its bytes have not come.
std::optional<std::string> own_blob(PlatformCore& core, const std::string& url,
                                    const std::string& what) {
  const auto file = core.own_file(url);
  if (!file) return std::nullopt;
  if (!file->sha256)
    throw StepFailed(what + ": nothing was uploaded to " + file->name + " yet");
  return file->sha256;
}

}  // namespace

Blob take_in(StepContext& context, const std::string& url, const std::string& what,
             std::uint64_t most_bytes) {
  if (const auto sha256 = own_blob(context.core(), url, what)) {
    const auto file = context.core().blobs->open(*sha256);
    if (!file) throw StepFailed(what + ": the file is no longer in the store");
    return {*sha256, std::filesystem::file_size(file->path)};
  }
  if (url.starts_with("data:")) {
    if (const auto blob = store_data_url(context.core(), url)) return *blob;
    throw StepFailed(what + ": it is not a data URL in base64");
  }
  if (is_http(url))
    return context.core().blobs->adopt(download(context, url, what, most_bytes));
  throw StepFailed(fmt::format("{}: '{}' is no URL of a file", what, shown(url)));
}

StoredOutput stored_output(PlatformCore& core, const Json& output) {
  const Json* file = &output;
  if (file->is_array() && file->size() == 1) file = &file->front();
  if (file->is_object() && file->contains("weights")) file = &(*file)["weights"];
  if (!file->is_string() || !file->get_ref<const std::string&>().starts_with("data:"))
    return {output};
  const auto blob = store_data_url(core, file->get_ref<const std::string&>());
  if (!blob) throw Refusal(422, "output: it is not a data URL in base64", "output");
  return {Json{{"blob", blob->sha256}}, blob->sha256};
}

void check_weights(StepContext& context, const std::string& sha256) {
  const auto file = context.core().blobs->open(sha256);
  if (!file) throw StepFailed("the weights are no longer in the store");
  std::size_t files = 0;
  try {
    weights::list_zip(file->path,
                      [&](const weights::ZipMember& member) { files += !member.is_folder; });
  } catch (const std::exception& error) {
    throw StepFailed(fmt::format("the weights cannot be used as an output.zip: {}", error.what()));
  }
  if (files == 0) throw StepFailed("the weights are an archive without files");
}

void check_datasets(StepContext& context) {
  PlatformCore& core = context.core();
  const Json input = core.reachable(Json::parse(context.training().input),
                                    context.training().account, core.own_url);
  const PlatformLimits& limits = context.core().options.limits;
  for (const char* name : dataset_inputs) {
    const auto found = input.find(name);
    if (found == input.end() || !found->is_string()) continue;
    const auto url = found->get<std::string>();
    if (!is_http(url)) continue;
    const std::string what = std::string("input.") + name;
    std::string problem;
    if (const auto sha256 = own_blob(context.core(), url, what)) {
      const auto file = context.core().blobs->open(*sha256);
      problem = file ? dataset_problem(file->path, limits.dataset)
                     : "the file is no longer in the store";
    } else {
      // Only looked at: the trainer fetches it itself.
      const auto path = download(context, url, what, limits.upload_bytes);
      problem = dataset_problem(path, limits.dataset);
      std::filesystem::remove(path);
    }
    if (!problem.empty()) throw StepFailed(what + ": " + problem);
  }
}

std::string stored_dataset_problem(PlatformCore& core, const Json& input, std::string& field) {
  for (const char* name : dataset_inputs) {
    const auto found = input.find(name);
    if (found == input.end() || !found->is_string()) continue;
    field = std::string("input.") + name;
    try {
      const auto sha256 = own_blob(core, found->get<std::string>(), field);
      if (!sha256) continue;
      const auto file = core.blobs->open(*sha256);
      if (!file) return "the file is no longer in the store";
      const std::string problem = dataset_problem(file->path, core.options.limits.dataset);
      if (!problem.empty()) return problem;
    } catch (const StepFailed& error) {
      return std::string(error.what()).substr(field.size() + 2);
    }
  }
  return "";
}

}  // namespace dream::host

#include "host/platform/api.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "host/base/text.hpp"

namespace dream::host {

std::string base_of(const PlatformOptions& options, const Request& request) {
  if (!options.public_url.empty()) return options.public_url;
  const std::string* const host = request.header("host");
  const std::string* const scheme = request.header("x-forwarded-proto");
  const bool tls = scheme != nullptr && lower(*scheme) == "https";
  const bool sound = host != nullptr && !host->empty() &&
                     host->find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "0123456789.-_:[]") == std::string::npos;
  return std::string(tls ? "https://" : "http://") + (sound ? *host : "localhost");
}

ApiAnswer answer_of(const ApiHandler& handler, Request& request) {
  try {
    return handler(request);
  } catch (const Refusal& refusal) {
    return {problem_answer(refusal)};
  } catch (const FileGone& gone) {
    return {problem_answer(Refusal(422, fmt::format("input: {}", gone.what()), "input"))};
  } catch (const sql::Error& error) {
    // The path alone: a query may hold a secret.
    spdlog::error("{} {}: {}", request.method, path_for_logs(request), error.what());
    Refusal refusal(503, "The platform's database cannot be used at the moment");
    refusal.retry_after_s = 2;
    return {problem_answer(refusal)};
  } catch (const BlobsUnavailable& error) {
    spdlog::error("{} {}: {}", request.method, path_for_logs(request), error.what());
    Refusal refusal(503, "The platform's store of files cannot be used at the moment");
    refusal.retry_after_s = 5;
    return {problem_answer(refusal)};
  } catch (const std::exception& error) {
    spdlog::error("{} {}: {}", request.method, path_for_logs(request), error.what());
    return {problem_answer(Refusal(500, "Internal server error"))};
  }
}

void PlatformApi::add_routes(const AddRoute& add, const AddUpload& add_upload) {
  add_training_routes(add);
  add_file_routes(add, add_upload);
  add_catalogue_routes(add);
}

Training PlatformApi::own_training(const Request& request) {
  const std::string account = core_.options.accounts.of(request);
  const std::string& id = request.parameters.at("id");
  if (id.find('\0') != std::string::npos) throw Refusal(404, "Not found.");
  auto training = core_.trainings.find(id);
  // Of another account it looks the same as none.
  if (!training || training->account != account) throw Refusal(404, "Not found.");
  return std::move(*training);
}

Response PlatformApi::view_of(int status, const Training& training, const std::string& base) {
  return json_answer(status, training_view(core_.parts_of(training, base), base));
}

}  // namespace dream::host

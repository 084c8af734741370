// `dream platform`: command line of the platform; the platform itself is host/platform.
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "host/cli/commands.hpp"
#include "host/cli/download_flags.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/template_search.hpp"
#include "host/cli/webhook_flags.hpp"
#include "host/platform/oci_images.hpp"
#include "host/platform/platform_server.hpp"

namespace dream::host {
namespace {

struct PlatformFlags {
  PlatformOptions options;
  std::string runner = "local";
  std::vector<std::string> trainers;
  std::vector<std::string> templates;
  std::vector<std::string> aliases;
  std::string token_file;
  std::string signing_file;
  std::string blobs;
  std::uint64_t blob_copies = 32ULL << 30;
  std::vector<std::string> served_with;
  bool allow_private_urls = false;
};

Accounts accounts_of(const PlatformFlags& flags) {
  if (!flags.token_file.empty()) return Accounts::read(flags.token_file);
  try {
    const char* const tokens = std::getenv("DREAM_API_TOKENS");
    return Accounts::parse(tokens == nullptr ? "" : tokens);
  } catch (const std::invalid_argument& error) {
    throw UsageError(std::string("DREAM_API_TOKENS: ") + error.what());
  }
}

Catalogue catalogue_of(const PlatformFlags& flags) {
  Catalogue catalogue;
  if (flags.runner == "local")
    catalogue.add_trainer({Catalogue::default_trainer, "", Catalogue::default_trainer});
  else
    catalogue.add_trainer(std::string(Catalogue::default_trainer) + "=" + flags.runner);
  for (const auto& text : flags.trainers) catalogue.add_trainer(text);
  for (const auto& text : flags.templates) catalogue.add_template(text);
  for (const auto& text : flags.aliases) catalogue.add_alias(text);
  return catalogue;
}

// The store that --blobs names, and its keys. Trainers that this process starts shall not have the
// latter: templates are other people's code.
std::optional<s3::BlobOptions> s3_of(const PlatformFlags& flags) {
  if (flags.blobs.empty()) return std::nullopt;
  s3::BlobOptions options{s3::parse_address(flags.blobs), s3::Credentials::from_environment(), {},
                          flags.blob_copies};
  for (const char* const name : {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}) ::unsetenv(name);
  return options;
}

// Which templates of this machine run versions.
void choose_templates(HostingOptions& hosting, const std::vector<std::string>& served_with) {
  for (const auto& file : find_templates()) hosting.installed.push_back(file.name);
  for (const auto& text : served_with) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
      throw UsageError("--serve-with: '" + text + "' has not the form NAME=TEMPLATE");
    const std::string name = text.substr(equals + 1);
    pick_template(find_templates(), name);
    hosting.served_with[text.substr(0, equals)] = name;
  }
}

int run_platform(const PlatformFlags& flags) {
  PlatformOptions options = flags.options;
  try {
    options.accounts = accounts_of(flags);
    options.catalogue = catalogue_of(flags);
    options.s3 = s3_of(flags);
    choose_templates(options.hosting, flags.served_with);
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
  while (options.public_url.ends_with('/')) options.public_url.pop_back();
  options.accounts.set_public_url(options.public_url);
  const AddressRule by_host = default_address_rule(options.host);
  if (options.accounts.empty() && by_host == AddressRule::public_only)
    throw UsageError("--host " + options.host + ": others than this machine reach it, so tokens "
                     "are needed: set DREAM_API_TOKENS or give --token-file");
  options.addresses = flags.allow_private_urls ? AddressRule::any : by_host;
  return serve_platform(options, signing_keys(flags.signing_file), make_oci_images);
}

void add_server_flags(CLI::App& platform, PlatformFlags& flags) {
  PlatformOptions& options = flags.options;
  platform.add_option("--host", options.host, "Address to listen on; without tokens this machine's")
      ->capture_default_str()
      ->type_name("ADDRESS");
  platform.add_option("--port", options.port, "Port to listen on")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str()
      ->type_name("N");
  platform.add_option("--data", options.data, "Where uploads, weights and images lie")
      ->required()
      ->type_name("DIR");
  platform
      .add_option("--database", options.database,
                  "sqlite:PATH, or postgres://USER@HOST/NAME for several platforms on one\n"
                  "database; else SQLite in --data")
      ->envname("DREAM_DATABASE")
      ->type_name("ADDRESS");
  platform
      .add_option("--blobs", flags.blobs,
                  "Files in an S3-compatible store: s3://BUCKET/PREFIX?endpoint=URL&region=NAME,\n"
                  "with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; else they lie in --data")
      ->envname("DREAM_BLOBS")
      ->type_name("ADDRESS");
  platform
      .add_option("--blob-copies", flags.blob_copies,
                  "Of files in a store, how much stays in --data too when nobody uses it; 0: all")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
  platform
      .add_option("--public-url", options.public_url,
                  "How clients and trainers reach this; else as each of them does")
      ->type_name("URL");
  platform
      .add_option("--token-file", flags.token_file,
                  "Tokens, one on a line: TOKEN or ACCOUNT=TOKEN, with quotas of its own if\n"
                  "wanted (;trainings=2;uploads=5GB…); else DREAM_API_TOKENS")
      ->type_name("FILE");
  platform
      .add_option("--webhook-secret-file", flags.signing_file,
                  "Secrets (whsec_…) that webhooks are signed with; else WEBHOOK_SIGNING_SECRET")
      ->type_name("FILE");
  platform.add_flag("--allow-private-urls", flags.allow_private_urls,
                    "Fetch from and tell private addresses although others reach this server");
}

void add_work_flags(CLI::App& platform, PlatformFlags& flags) {
  PlatformOptions& options = flags.options;
  platform
      .add_option("--runner", flags.runner,
                  "What trains: local (a template of this machine), or a Cog server's URL")
      ->capture_default_str()
      ->type_name("local|URL");
  platform
      .add_option("--trainer", flags.trainers,
                  "Another trainer: NAME=URL or NAME=template:TEMPLATE (repeatable)")
      ->type_name("NAME=WHERE");
  platform
      .add_option("--template", flags.templates,
                  "An image that weights are added to (repeatable); 'vanilla' is the default one")
      ->type_name("NAME=IMAGE");
  platform
      .add_option("--alias", flags.aliases,
                  "A version id by which clients know a trainer or template (repeatable)")
      ->type_name("VERSION=NAME");
  platform
      .add_option("--registry", options.registry,
                  "Where images go: HOST or HOST/PREFIX; else they stay in --data")
      ->type_name("HOST");
  platform.add_option("--trainings-at-once", options.trainings_at_once, "Trainings at a time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str()
      ->type_name("N");
  platform
      .add_option("--most-trainings", options.limits.account_trainings,
                  "Trainings of an account that wait or run; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->type_name("N");
  platform
      .add_option("--most-uploads", options.limits.account_bytes,
                  "Size of all uploads of an account, e.g. 100GB; 0: no limit")
      ->transform(CLI::AsSizeValue(true))
      ->type_name("SIZE");
  platform.add_option("--least-pictures", options.limits.dataset.least_pictures,
                      "Pictures that an archive of instance_data must have")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str()
      ->type_name("N");
  platform.add_option("--most-upload", options.limits.upload_bytes, "Size of one upload, e.g. 4GB")
      ->transform(CLI::AsSizeValue(true))
      ->type_name("SIZE");
  platform
      .add_option_function<int>(
          "--lease",
          [&options](int seconds) { options.lease = std::chrono::seconds(seconds); },
          "Seconds after which another platform goes on with what one has left")
      ->check(CLI::Range(1, 3600))
      ->type_name("SECONDS");
}

void add_keep_flags(CLI::App& platform, KeepTimes& keep) {
  const auto add = [&](const char* flag, KeepTimes::Time& time, const char* help) {
    platform
        .add_option_function<std::string>(
            flag,
            [&time, flag](const std::string& text) {
              try {
                time = parse_keep_time(text);
              } catch (const std::invalid_argument& error) {
                throw UsageError(fmt::format("{}: {}", flag, error.what()));
              }
            },
            help)
        ->type_name("TIME");
  };
  add("--keep-trainings", keep.trainings,
      "How long a training that has ended is kept, with its logs, its webhooks and\n"
      "weights that no version has: 30d (default), 12h, 90m, forever");
  add("--keep-predictions", keep.predictions,
      "How long a prediction that has ended is kept, with its output (default 1d)");
  add("--keep-files", keep.files,
      "How long uploads are kept that nothing uses which has not ended (default 7d)");
}

void add_hosting_flags(CLI::App& platform, PlatformFlags& flags) {
  HostBounds& bounds = flags.options.hosting.bounds;
  platform
      .add_option("--serve-with", flags.served_with,
                  "The template of this machine that runs versions on the image NAME; else the\n"
                  "one of the same name (repeatable)")
      ->type_name("NAME=TEMPLATE");
  platform.add_option("--hosts", bounds.hosts, "Versions that are kept ready at a time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->type_name("N");
  platform
      .add_option("--host-memory", bounds.bytes,
                  "Memory of all hosts together, e.g. 24GB: above it none is started before\n"
                  "another one has ended (default: no limit)")
      ->transform(CLI::AsSizeValue(true))
      ->type_name("SIZE");
  platform
      .add_option_function<int>(
          "--host-idle",
          [&bounds](int seconds) { bounds.idle = Micros{seconds} * 1'000'000; },
          "Seconds that a host without work stays (default 300)")
      ->check(CLI::Range(0, 86'400 * 365))
      ->type_name("SECONDS");
  platform
      .add_option("--prediction-rate", flags.options.limits.rates.predictions,
                  "Predictions that a token may make in a minute; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->type_name("N");
  platform
      .add_option("--request-rate", flags.options.limits.rates.others,
                  "Other requests of a token in a minute; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->type_name("N");
  platform
      .add_option("--most-predictions", flags.options.limits.account_predictions,
                  "Predictions of an account that wait for a host; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->type_name("N");
}

}  // namespace

void add_platform_command(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<PlatformFlags>();
  CLI::App* platform =
      app.add_subcommand("platform",
                         "Serve the Dreambooth and Replicate APIs: train, build, push, predict");
  platform->footer("Example:\n  dream platform --data ./platform --runner http://gpu-box:5000 \\\n"
                   "    --template vanilla=registry.example.com/templates/vanilla "
                   "--registry registry.example.com");
  add_server_flags(*platform, *flags);
  add_work_flags(*platform, *flags);
  add_keep_flags(*platform, flags->options.keep);
  add_hosting_flags(*platform, *flags);
  platform->callback([flags, &chosen] { chosen = [flags] { return run_platform(*flags); }; });
}

}  // namespace dream::host

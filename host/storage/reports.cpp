#include "host/storage/reports.hpp"

#include <algorithm>

#include "host/base/text.hpp"
#include "host/storage/blob_rows.hpp"
#include "host/storage/training_rows.hpp"

namespace dream::host {
namespace {

const std::string select_report =
    "SELECT status, output, error, metrics, blob, at FROM reports WHERE training = $1 AND ";

std::optional<Report> first_of(const sql::Result& found) {
  const sql::Row* const row = found.first();
  if (row == nullptr) return std::nullopt;
  return Report{row->text(0), row->maybe_text(1), row->maybe_text(2), row->maybe_text(3),
                row->maybe_text(4), row->integer(5)};
}

}  // namespace

bool Reports::add(const std::string& training, std::int64_t run, const Report& report,
                  const std::string& logs) {
  return pool_.transact([&](sql::Database& database) {
    // A training that goes away meanwhile takes its reports along.
    const auto known = database.run("UPDATE trainings SET log_bytes = log_bytes WHERE id = $1",
                                    training);
    if (known.changed == 0) return false;
    if (report.blob) use_blob(database, *report.blob, BlobUse::stored);
    database.run("INSERT INTO reports (training, run, status, at) VALUES ($1, $2, 'starting', $3) "
                 "ON CONFLICT (training, run) DO NOTHING",
                 training, run, now_micros());
    const auto updated = database.run(
        "UPDATE reports SET status = $1, output = $2, error = $3, metrics = $4, at = $5, "
        "blob = $6 WHERE training = $7 AND run = $8 "
        "AND status NOT IN ('succeeded', 'failed', 'canceled')",
        report.status, report.output, report.error, report.metrics, now_micros(), report.blob,
        training, run);
    if (updated.changed == 0) return true;
    std::string clean = valid_utf8(logs);
    std::erase(clean, '\0');
    const auto seen = static_cast<std::size_t>(
        database
            .run("SELECT log_size FROM reports WHERE training = $1 AND run = $2", training, run)
            .first()
            ->integer(0));
    if (clean.size() <= seen) return true;  // webhooks may overtake each other
    database.run("UPDATE reports SET log_size = $1 WHERE training = $2 AND run = $3", clean.size(),
                 training, run);
    append_log_part(database, training, step_name::train, valid_utf8(clean.substr(seen)),
                    Trainings::most_log_bytes);
    tell_of_training(database, training, "logs", announce_);
    return true;
  });
}

std::optional<Report> Reports::find(const std::string& training, std::int64_t run) {
  return pool_.with([&](sql::Database& database) {
    return first_of(database.run(select_report + "run = $2", training, run));
  });
}

std::optional<Report> Reports::find_success(const std::string& training, std::int64_t first) {
  return pool_.with([&](sql::Database& database) {
    return first_of(database.run(
        select_report + "run >= $2 AND status = 'succeeded' ORDER BY run LIMIT 1", training,
        first));
  });
}

}  // namespace dream::host

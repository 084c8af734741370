#include "host/storage/schema.hpp"

#include <fmt/format.h>

#include <array>

namespace dream::host {
namespace {

constexpr std::array<const char*, 6> steps{R"sql(
CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE models (
  owner           TEXT NOT NULL,
  name            TEXT NOT NULL,
  account         TEXT NOT NULL,     -- who may write it
  visibility      TEXT NOT NULL,     -- private, public
  description     TEXT,
  hardware        TEXT,
  github_url      TEXT,
  paper_url       TEXT,
  license_url     TEXT,
  cover_image_url TEXT,
  readme          TEXT,
  default_example TEXT,              -- id of a prediction
  run_count       BIGINT NOT NULL DEFAULT 0,
  created_at      BIGINT NOT NULL,
  PRIMARY KEY (owner, name)
);
CREATE INDEX models_newest ON models (created_at, owner, name);

CREATE TABLE versions (
  id           TEXT NOT NULL,        -- hexadecimal digest of the image's manifest
  model_owner  TEXT NOT NULL,
  model_name   TEXT NOT NULL,
  image        TEXT NOT NULL,        -- where the image lies
  weights      TEXT NOT NULL,        -- sha256 of the archive in the blob store
  template     TEXT NOT NULL,
  training     TEXT,                 -- that made it
  notes        TEXT,
  cog_version  TEXT,
  schema       TEXT,                 -- OpenAPI document as JSON; null: the image names none
  created_at   BIGINT NOT NULL,
  PRIMARY KEY (id, model_owner, model_name),
  FOREIGN KEY (model_owner, model_name) REFERENCES models (owner, name)
);
CREATE INDEX versions_newest ON versions (model_owner, model_name, created_at);

CREATE TABLE trainings (
  id                  TEXT PRIMARY KEY,
  origin              TEXT NOT NULL,  -- which API made it: dreambooth, replicate
  account             TEXT NOT NULL,
  status              TEXT NOT NULL,
  input               TEXT NOT NULL,  -- JSON, as given
  model_owner         TEXT NOT NULL,
  model_name          TEXT NOT NULL,
  trainer             TEXT NOT NULL,  -- a name of the configuration; empty: weights are given
  template            TEXT NOT NULL,  -- a name of the configuration
  trainer_version     TEXT,           -- as given
  template_version    TEXT,           -- as given
  weights_url         TEXT,           -- instead of a trainer
  notes               TEXT,
  webhook             TEXT,
  webhook_events      TEXT,           -- JSON array; null: the end alone
  created_at          BIGINT NOT NULL,
  started_at          BIGINT,
  completed_at        BIGINT,
  cancel_requested_at BIGINT,
  error               TEXT,
  failed_step         TEXT,
  weights             TEXT,           -- sha256 in the blob store
  version             TEXT,
  log_bytes           BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX trainings_newest ON trainings (account, created_at, id);
CREATE INDEX trainings_status ON trainings (account, status);

CREATE TABLE steps (
  training     TEXT NOT NULL REFERENCES trainings (id) ON DELETE CASCADE,
  position     BIGINT NOT NULL,
  name         TEXT NOT NULL,
  status       TEXT NOT NULL,
  attempt      BIGINT NOT NULL DEFAULT 0,  -- of those that failed may be tried again
  takeovers    BIGINT NOT NULL DEFAULT 0,  -- from owners that went away, since the last checkpoint
  due_at       BIGINT NOT NULL DEFAULT 0,
  owner        TEXT,
  lease_until  BIGINT,
  left_at      BIGINT,              -- when its last owner left it at the latest
  checkpoint   TEXT NOT NULL DEFAULT '{}',
  progress     TEXT,
  started_at   BIGINT,
  completed_at BIGINT,
  error        TEXT,
  PRIMARY KEY (training, position)
);
CREATE INDEX steps_due ON steps (status, due_at);
CREATE INDEX steps_owner ON steps (owner);

CREATE TABLE reports (              -- what a trainer told of a run of it
  training TEXT NOT NULL REFERENCES trainings (id) ON DELETE CASCADE,
  run      BIGINT NOT NULL,
  status   TEXT NOT NULL,
  output   TEXT,                    -- JSON
  error    TEXT,
  metrics  TEXT,                    -- JSON
  log_size BIGINT NOT NULL DEFAULT 0,  -- bytes of its logs that are in ours
  at       BIGINT NOT NULL,
  PRIMARY KEY (training, run)
);

CREATE TABLE logs (
  training TEXT NOT NULL REFERENCES trainings (id) ON DELETE CASCADE,
  at_byte  BIGINT NOT NULL,         -- of the training's whole log
  step     TEXT NOT NULL,
  text     TEXT NOT NULL,
  PRIMARY KEY (training, at_byte)
);

CREATE TABLE deliveries (           -- the outbox of webhooks
  id           TEXT PRIMARY KEY,
  subject      TEXT NOT NULL,       -- id of what it tells of
  url          TEXT NOT NULL,
  body         TEXT NOT NULL,
  status       TEXT NOT NULL,       -- waiting, delivered, failed
  attempt      BIGINT NOT NULL DEFAULT 0,
  due_at       BIGINT NOT NULL,
  owner        TEXT,
  lease_until  BIGINT,
  last_status  BIGINT,              -- of HTTP
  last_error   TEXT,
  created_at   BIGINT NOT NULL,
  completed_at BIGINT
);
CREATE INDEX deliveries_due ON deliveries (status, due_at);
CREATE INDEX deliveries_subject ON deliveries (subject, created_at);

CREATE TABLE files (
  id           TEXT PRIMARY KEY,
  account      TEXT NOT NULL,
  purpose      TEXT NOT NULL,       -- upload, output, file
  name         TEXT NOT NULL,
  content_type TEXT NOT NULL,
  metadata     TEXT NOT NULL DEFAULT '{}',
  bytes        BIGINT NOT NULL DEFAULT 0,
  sha256       TEXT,                -- null: its bytes have not come yet
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT
);
CREATE INDEX files_newest ON files (account, created_at, id);
CREATE INDEX files_content ON files (sha256);

CREATE TABLE replies (              -- to requests with an Idempotency-Key
  account     TEXT NOT NULL,
  name        TEXT NOT NULL,        -- the key
  fingerprint TEXT NOT NULL,        -- of the request
  subject     TEXT NOT NULL,        -- id of what the request makes
  status      BIGINT,               -- null: in work
  body        TEXT,
  begun_at    BIGINT NOT NULL,
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (account, name)
);
)sql",
                                              R"sql(
CREATE TABLE predictions (
  id                  TEXT PRIMARY KEY,
  account             TEXT NOT NULL,
  model_owner         TEXT NOT NULL,
  model_name          TEXT NOT NULL,
  version             TEXT NOT NULL,
  deployment          TEXT,           -- owner/name
  template            TEXT NOT NULL,  -- a name of the configuration
  weights             TEXT NOT NULL,  -- sha256 in the blob store
  host_key            TEXT NOT NULL,  -- what a host must be to run it
  status              TEXT NOT NULL,
  input               TEXT NOT NULL,  -- JSON, as given
  output              TEXT,           -- JSON
  error               TEXT,
  logs                TEXT NOT NULL DEFAULT '',
  metrics             TEXT,           -- JSON
  webhook             TEXT,
  webhook_events      TEXT,           -- JSON array; null: output and completed
  attempt             BIGINT NOT NULL DEFAULT 0,
  owner               TEXT,           -- the process whose host runs it
  lease_until         BIGINT,
  created_at          BIGINT NOT NULL,
  started_at          BIGINT,
  completed_at        BIGINT,
  deadline            BIGINT,
  cancel_requested_at BIGINT
);
CREATE INDEX predictions_newest ON predictions (account, created_at, id);
CREATE INDEX predictions_queue ON predictions (status, host_key, created_at);
CREATE INDEX predictions_owner ON predictions (owner);

CREATE TABLE deployments (
  owner         TEXT NOT NULL,        -- the account
  name          TEXT NOT NULL,
  model_owner   TEXT NOT NULL,
  model_name    TEXT NOT NULL,
  version       TEXT NOT NULL,
  hardware      TEXT NOT NULL,
  min_instances BIGINT NOT NULL,
  max_instances BIGINT NOT NULL,
  release       BIGINT NOT NULL,      -- counts the changes, from 1
  created_at    BIGINT NOT NULL,
  released_at   BIGINT NOT NULL,
  PRIMARY KEY (owner, name)
);

ALTER TABLE deliveries ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN tries BIGINT NOT NULL DEFAULT 20;
)sql",
                                              R"sql(
CREATE TABLE blobs (
  sha256        TEXT PRIMARY KEY,
  bytes         BIGINT NOT NULL,            -- 0: not known
  pending       BIGINT NOT NULL DEFAULT 0,  -- times that it is stored and not yet referred to
  pending_until BIGINT NOT NULL DEFAULT 0,  -- when those are given up
  is_doomed     BIGINT NOT NULL DEFAULT 0   -- 1: it goes, and nothing may refer to it any more
);
CREATE INDEX blobs_doomed ON blobs (is_doomed);

CREATE TABLE file_uses (                -- files that inputs name
  file    TEXT NOT NULL,
  subject TEXT NOT NULL,                -- id of the training or prediction
  PRIMARY KEY (file, subject)
);
CREATE INDEX file_uses_subject ON file_uses (subject);

ALTER TABLE files ADD COLUMN subject TEXT;       -- id of what has it as its output
ALTER TABLE files ADD COLUMN removed_at BIGINT;  -- by its account; it stays while it is in use
ALTER TABLE reports ADD COLUMN blob TEXT;        -- sha256 of what the output held
CREATE INDEX files_age ON files (purpose, created_at);
CREATE INDEX versions_weights ON versions (weights);
CREATE INDEX trainings_weights ON trainings (weights);
CREATE INDEX trainings_ended ON trainings (status, completed_at);
CREATE INDEX predictions_weights ON predictions (weights, status);
CREATE INDEX predictions_ended ON predictions (status, completed_at);
CREATE INDEX reports_blob ON reports (blob);

UPDATE files SET subject = SUBSTR(id, 8, 26) WHERE purpose = 'output';
UPDATE reports SET blob = SUBSTR(output, 10, 64) WHERE output LIKE '{"blob":"%';
-- Ids are 130 random bits: a text that has one means it.
INSERT INTO file_uses (file, subject)
  SELECT files.id, trainings.id FROM files JOIN trainings
  ON trainings.input LIKE '%' || files.id || '%'
  OR trainings.weights_url LIKE '%' || files.id || '%';
INSERT INTO file_uses (file, subject)
  SELECT files.id, predictions.id FROM files JOIN predictions
  ON predictions.input LIKE '%' || files.id || '%';
INSERT INTO blobs (sha256, bytes)
  SELECT sha256, MAX(bytes) FROM (
    SELECT sha256, bytes FROM files WHERE sha256 IS NOT NULL
    UNION ALL SELECT weights, 0 FROM versions
    UNION ALL SELECT weights, 0 FROM trainings WHERE weights IS NOT NULL
    UNION ALL SELECT weights, 0 FROM predictions
    UNION ALL SELECT blob, 0 FROM reports WHERE blob IS NOT NULL) AS known
  GROUP BY sha256;
)sql",
                                              R"sql(
ALTER TABLE deliveries ADD COLUMN receiver TEXT NOT NULL DEFAULT '';  -- host and port of the URL
ALTER TABLE deliveries ADD COLUMN event TEXT NOT NULL DEFAULT 'completed';
)sql",
                                              R"sql(
-- Counts what a stream has to tell, so that who watches reads the rest only then.
ALTER TABLE predictions ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
)sql",
                                              R"sql(
-- A name of the token that made it; empty: there was none.
ALTER TABLE trainings ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE predictions ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE files ADD COLUMN token TEXT NOT NULL DEFAULT '';
)sql"};

// Outside the numbered steps: it holds their number.
constexpr char version_table[] =
    "CREATE TABLE IF NOT EXISTS schema_version (only_row BIGINT PRIMARY KEY, seen BIGINT NOT NULL)";

}  // namespace

void migrate(sql::Pool& pool) {
  pool.transact([](sql::Database& database) {
    database.lock("schema");
    database.run_script(version_table);
    const auto found = database.run("SELECT seen FROM schema_version WHERE only_row = 1");
    const std::int64_t seen = found.first() == nullptr ? 0 : found.first()->integer(0);
    const auto known = static_cast<std::int64_t>(steps.size());
    if (seen > known)
      throw sql::Error(fmt::format("the database's schema is version {}, of a later version of "
                                   "this program; this one knows {}",
                                   seen, known),
                       sql::Error::Kind::newer);
    for (std::int64_t next = seen; next < known; ++next)
      database.run_script(steps[static_cast<std::size_t>(next)]);
    database.run("INSERT INTO schema_version (only_row, seen) VALUES (1, $1) "
                 "ON CONFLICT (only_row) DO UPDATE SET seen = excluded.seen",
                 known);
  });
}

}  // namespace dream::host

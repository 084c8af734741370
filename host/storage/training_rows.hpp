// Rows of trainings and steps to and from their structs, for the stores of this folder.
#pragma once

#include <string>
#include <vector>

#include "host/storage/database.hpp"
#include "host/storage/training.hpp"

namespace dream::host {

extern const std::string training_columns;
Training to_training(const sql::Row& row);

extern const std::string step_columns;
Step to_step(const sql::Row& row);

std::vector<Step> find_steps(sql::Database& database, const std::string& training);

// Part of a transaction. Text that does not fit below `most_bytes` is dropped with one line that
// says so.
void append_log_part(sql::Database& database, const std::string& training, const std::string& step,
                     std::string text, std::int64_t most_bytes);

}  // namespace dream::host

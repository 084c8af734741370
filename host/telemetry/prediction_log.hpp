// Tells the server's log of predictions: failures as warnings; all else, the lines of their own
// logs too, at the level debug.
#pragma once

#include "host/predictions/prediction.hpp"

namespace dream::host {

Prediction::Observer prediction_log();

}  // namespace dream::host

// Progress as a line of text in the form of Python's tqdm, which Replicate's clients look for in
// the logs of a prediction.
#pragma once

#include <string>

#include "host/predictions/prediction.hpp"

namespace dream::host {

// " 40%|████      | 10/25 [00:01<00:02,  5.88it/s]", with "label: " before it if there is a label.
// No line end. Steps beyond the total count as the total; a total of 0 gives "3it [00:01,  …]".
std::string progress_line(const Progress& progress);

// "00:07", "1:02:03"; "?" for a time that is negative, infinite or not a number.
std::string clock_text(double seconds);

}  // namespace dream::host

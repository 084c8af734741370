// Files for those who need not know their formats: whole or not at all, as JSON, with tensors.
#pragma once

#include "weights/formats/json_file.hpp"
#include "weights/formats/output_file.hpp"
#include "weights/formats/output_folder.hpp"
#include "weights/formats/safetensors_writer.hpp"
#include "weights/formats/weight_file.hpp"

// The interface structs that dream_host.query() hands out, each filled in its own file.
#pragma once

#include <dream/abi/annotator.h>
#include <dream/abi/engine_diffusion.h>
#include <dream/abi/engine_training.h>
#include <dream/abi/image.h>
#include <dream/abi/run.h>
#include <dream/abi/schema.h>
#include <dream/abi/tensor.h>

namespace dream::worker {

const dream_schema_1& schema_interface();                      // schema_builder.cpp
const dream_run_1& run_interface();                            // run_interface.cpp
const dream_log_1& log_interface();                            // log.cpp
const dream_metric_1& metric_interface();                      // metric.cpp
const dream_image_1& image_interface();                        // image.cpp
const dream_tensor_1& tensor_interface();                      // tensor.cpp
const dream_annotator_1& annotator_interface();                // annotator.cpp
const dream_engine_diffusion_1& engine_diffusion_interface();  // engine_diffusion.cpp
const dream_engine_training_1& engine_training_interface();    // engine_training.cpp

}  // namespace dream::worker

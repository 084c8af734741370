// The weight files laid over the model for a run: those of the inputs `lora` and `embeddings`, and
// the LoRAs that a prompt names (`<lora:style:0.8>`).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/worker/sdk_host/run.hpp"
#include "sdk/engine/engine.hpp"
#include "weights/store/model_store.hpp"

namespace dream::worker {

// The `lora` input: the host made each reference a local path, PATH@STRENGTH.
std::vector<engine::WeightOverlay> lora_inputs(const RunState& run);

// The `embeddings` input, which has no strengths: throws SdkError (DREAM_INVALID_INPUT) for one.
std::vector<engine::WeightOverlay> embedding_inputs(const RunState& run);

// What a weighted prompt names: `<lora:NAME:STRENGTH>`, strength 1 when it is left out, in
// the order they stand. Throws SdkError (DREAM_INVALID_INPUT) for a strength that is no number.
std::vector<std::pair<std::string, double>> prompt_loras(std::string_view prompt);

// Adds what a prompt names, with its strength. A name is that of a file of the `lora` input, whose
// strength the prompt then states anew, or one of the model store. Throws SdkError
// (DREAM_INVALID_INPUT) that lists the names there are.
void add_prompt_loras(const std::vector<std::pair<std::string, double>>& named,
                      const weights::ModelStore& store,
                      std::vector<engine::WeightOverlay>& loras);

}  // namespace dream::worker

// A model that has learnt words for one request. Only the tokenizer's list of added tokens and a
// few rows of embeddings are new; the loaded model never changes.
#pragma once

#include <optional>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/pipeline/components.hpp"

namespace dream::engine {

// `parts` with request.embeddings, several vectors under one word taking as many places of the
// prompt; nullopt without embeddings. request.on_log is told of those that no prompt calls. Throws
// InvalidInput that names the file: as EmbeddingFile::read(), and for a word that is a token
// already.
std::optional<Components> with_embeddings(const Components& parts, const GenerateRequest& request);

}  // namespace dream::engine

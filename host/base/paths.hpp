// Where the installed tree lies. The build tree mirrors it, so both are found alike.
#pragma once

#include <filesystem>

namespace dream::host {

// Makes a folder that only this user may use; one that is there stays as it is. Its parent must be
// there. Throws std::filesystem::filesystem_error, naming it.
void make_private_folder(const std::filesystem::path& folder);

// The parent of the folder of the running executable: <prefix> of <prefix>/bin/dream.
std::filesystem::path install_prefix();

// <prefix>/bin/dream-worker
std::filesystem::path worker_program();

// <prefix>/share/dream/clip_vocabulary: the tokenizer of models that come without one.
std::filesystem::path clip_vocabulary();

// <prefix>/share/dream/manifests: known models, for `dream weights pull`.
std::filesystem::path manifests();

// ~/.cache/dream/models, or below XDG_CACHE_HOME.
std::filesystem::path default_model_store();

// ~/.cache/dream/downloads, or below XDG_CACHE_HOME.
std::filesystem::path default_download_cache();

// ~/.cache/dream/trainings, or below XDG_CACHE_HOME: the checkpoints of trainings.
std::filesystem::path default_trainings();

}  // namespace dream::host

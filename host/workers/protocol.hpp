// The messages between the host and a worker process. Frames of JSON (frame.hpp) over unix stream
// sockets: one control channel, and one channel per slot so that the logs of one run never delay a
// cancel or another run. Pixels and files travel by path.
//
// A worker is started as
//   dream-worker --control-fd FD --slot-fds FD,FD,…
// with fd 1 and 2 captured by the host. It exits when the control channel closes.
//
// control, host → worker
//   {"type":"init", "templates":[{"name","path"}], "weights":PATH|"none", "models":DIR,
//    "trainings":DIR, "device":"auto|cpu|cuda", "dtype":"auto|fp32|bf16|fp16", "threads":N,
//    "memory_budget":BYTES, "request_weights":BOOL, "setup":BOOL}
//        trainings: where trainers keep their checkpoints; empty: nowhere.
//        memory_budget 0: no limit. request_weights: diffusion templates have the input `weights`.
//        setup false: describe the templates only; create() is not called, libtorch not loaded.
//   {"type":"cancel", "slot":N, "id":ID, "run":N?}
//        one that is not running (yet) is remembered. `run` tells runs of one id apart: a cancel
//        that comes too late must not hit the next.
//   {"type":"healthcheck", "template":NAME}
//   {"type":"inspect", "path":PATH}          `dream weights inspect`
//   {"type":"engine_info"}                   loads the engine: `dream version`
//   {"type":"bench", "target":"unet|generate", "size":PIXELS, "steps":N, "batch":N}   `dream bench`
//   {"type":"ping"}                          is the process alive? answered at once
//   {"type":"residents"}                     what the engine keeps in memory: GET /metrics
//   {"type":"shutdown"}
// control, worker → host
//   {"type":"ready", "templates":[SCHEMA…]}              after init, all templates created
//   {"type":"setup_failed", "template":NAME, "error":TEXT}   the worker exits after it
//   {"type":"log", "level":"debug|info|warning|error", "message":TEXT}
//   {"type":"healthcheck_result", "template":NAME, "healthy":BOOL, "error":TEXT?}
//   {"type":"inspect_result", "report":JSON | "error":TEXT}
//   {"type":"engine_info", "torch":…, "device":…, "dtype":… | "error":TEXT}
//   {"type":"bench_result", "it_per_s":X, "step_s":X, "cold_start_s":X, "size":PIXELS,
//    "stages_s":{"load","text","denoise","decode"}, "pictures_per_call":N, "threads":N,
//    "peak_memory_bytes":N, "device", "dtype", "libtorch" | "error":TEXT, "bad_input":BOOL?}
//   {"type":"residents_result", "memory_budget":BYTES,
//    "residents":[{"kind", "name", "bytes", "uses", "in_use":BOOL, "idle_s"}…],
//    "device_memory":{"device", "used_bytes", "total_bytes"}?}   of a device that tells
//   {"type":"pong"}
//
// slot, host → worker
//   {"type":"predict", "id":ID, "run":N?, "template":NAME, "entry":"predict|train", "input":OBJECT,
//    "output_dir":DIR, "previews":BOOL, "context":{NAME:TEXT…}?}
//        entry: "predict" when absent; "train" calls the template's trainer.
//        context: what the client said beside the inputs; none when absent.
//        previews: whether `preview` messages are wanted; false when absent.
//        input is validated and defaults are filled in; a file input is the path of a local file.
//        output_dir may be missing: the worker makes it when there is a file to put there.
// slot, worker → host
//   {"type":"log", "level":"debug|info|warning|error", "message":TEXT}
//   {"type":"output", "value":JSON}                                    a value; one of a template
//        with a single output comes together with what follows it
//   {"type":"output", "path":PATH, "name":FILE, "media_type":TYPE}     a file in output_dir
//   {"type":"progress", "step":N, "steps":N, "elapsed_s":X, "label":TEXT}
//   {"type":"preview", "picture":N, "step":N, "steps":N, "image":DATA_URL}
//        what is being drawn, small and approximate; several a second at most
//   {"type":"metric", "name":NAME, "value":JSON, "mode":"replace|increment|append"}
//   {"type":"cancel_limit", "seconds":N}   how long this run may take to end after a cancel, in
//        place of the host's limit: it has state to save. 600 at most
//   {"type":"dropped_logs", "lines":N, "bytes":N}   so many did not fit into what a run may log
//   {"type":"done", "status":"succeeded|failed|canceled", "error":TEXT?, "bad_input":BOOL?}
//        the last of a run: the slot can take the next predict. bad_input: it failed because of a
//        value the client chose.
//
// SCHEMA, one template as the host knows it:
//   {"name", "version", "description", "sdk":"1.0", "path", "max_concurrency":N,
//    "output":{"type":"string|integer|number|boolean|json|file", "kind":"single|list|iterator|
//              concatenate", "streaming":true?},   may be watched although it is no iterator
//    "inputs":[{"name", "type":"string|integer|number|boolean|file|secret|json", "list":BOOL,
//               "nullable":BOOL, "default":JSON?, "description":TEXT, "ge":N?, "le":N?,
//               "min_length":N?, "max_length":N?, "regex":TEXT?, "choices":[…]?, "any_of":[TYPE…]?,
//               "deprecated":BOOL?, "reference":KIND?,
//               "named_reference":BOOL?}…],
//    "healthcheck":true?, "train":{"inputs", "output"}?}       if the template has them
//   "reference": the strings name weight files, by URL, data URL or name in the model store, also
//   in its folder KIND, with an optional @STRENGTH. `predict` gets PATH@STRENGTH. The kind "model"
//   is a whole model: no strength, and `predict` gets PATH, a folder or a file.
//   "named_reference": they are NAME=REFERENCE@SCALE[START,END], of which scale and range may be
//   left out. `predict` gets NAME=PATH@SCALE[START,END].
//   An input without "default" and not nullable is required. Order is the order of "inputs".
#pragma once

namespace dream::host::protocol {

inline constexpr unsigned max_frame_bytes = 128U << 20;  // above the 100 MiB of an HTTP body
// Of all log messages of a run together. More would only be dropped by the host.
inline constexpr unsigned max_log_bytes = 16U << 20;

}  // namespace dream::host::protocol

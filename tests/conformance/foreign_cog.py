"""Cog's integration tests that need nothing but HTTP: the scripts that start a server and talk to
it with curl (integration-tests/tests), and its concurrency tests (integration-tests/concurrent),
as of August 2026. The words are ours."""

from case import (ASYNC, behind, cancel, cannot, case, fails, get, gives, health,
                  join, last_hook, post, predict, refused, request, start)
from expectations import absent, anything, at_least, contains, ends_with, of_length

URL = "https://api.example.com/v1/resource"


def data(text):
    return f"data:text/plain,{text}"


ITERATORS = [
    case("async_generator_precollect", "counter",
         gives([f"chunk-{i}" for i in range(5)], {"count": 5, "prefix": "chunk", "delay_ms": 100},
               metrics={"predict_time": at_least(0.5)})),
    case("iterator_error_midstream", "pieces",
         start("midstream", {"fail_after": 3}),
         last_hook("midstream", status="failed", error=ends_with("generator exploded"))),
]

CANCELS = [
    case("cancel_async_prediction", "sleeper", start("a", {"seconds": 60}, method="PUT"),
         health("BUSY"), cancel("a"), last_hook("a", status="canceled")),
    case("cancel_sync_prediction", "sleeper", start("b", {"seconds": 60}, method="PUT"),
         health("BUSY"), cancel("b"), last_hook("b", status="canceled"),
         note="one way to cancel serves both kinds of model"),
    case("cancel_repeated", "ignores_cancel", start("c", {"seconds": 1}, method="PUT"),
         health("BUSY"), cancel("c"), cancel("c"), cancel("c"),
         last_hook("c", status="canceled"), note="a run that looks for no cancel"),
]

LARGE = [
    case("coglet_large_input", "echo",
         start("in", {"text": {"$repeat": ["A", 7 << 20]}}),
         last_hook("in", status="succeeded", output={"text": of_length(7 << 20)})),
    case("coglet_large_output", "one_file",
         start("out", {"content": "0123456789abcdef" * 64, "times": 9 << 10}),
         last_hook("out", status="succeeded", output=of_length(23 + (12 << 20))),
         note="the text comes as a file of nine million bytes"),
]

RULES = {"_invalid": "must start with a letter",
         "foo__bar": "must not contain consecutive underscores",
         "invalid_": "must end with a letter or digit", ".invalid": "must not start with a dot",
         "foo..bar": "empty segments", "predict_time": "predict_time", "cog.system": "cog.",
         "a.b.c.d.e": "at most 4 dot-separated segments", "a" * 129: "128 characters"}


def records(*lines):
    return {"records": list(lines)}


METRICS = [
    case("coglet_metrics", "meter",
         gives(["ok"], records("temperature replace number 0.7", "token_count increment number 1",
                             "token_count increment number 2", "tags append text fast",
                             "tags append text cached", "timing.preprocess replace number 0.1",
                             "dict_metric replace text hello"),
               metrics={"temperature": 0.7, "token_count": 3, "tags": ["fast", "cached"],
                        "timing": {"preprocess": 0.1}, "dict_metric": "hello",
                        "predict_time": anything})),
    case("coglet_metrics_validation", "meter",
         *[fails(contains(text), records(f"{name} replace number 1"))
           for name, text in RULES.items()],
         gives(["ok"], records("valid_name replace number 1"), metrics={"valid_name": 1})),
    case("coglet_metrics_webhook", "meter",
         start("metrics", records("model_version replace text v2.1",
                                  "confidence replace number 0.95")),
         last_hook("metrics", status="succeeded",
                   metrics={"model_version": "v2.1", "confidence": 0.95,
                            "predict_time": anything})),
    *cannot("two spellings of one Python function", "emit_metric_deprecated"),
]

WELL = get("/health-check", {"status": "READY", "user_healthcheck_error": absent})


def unwell(text):
    return get("/health-check", {"status": "UNHEALTHY", "user_healthcheck_error": contains(text)})


def feel(how):
    return predict({"health": how}, {"status": "succeeded"})


TIMES_OUT = (WELL, feel("slow"), unwell("timed out after 5.0 seconds"))
HEALTH = [
    case("healthcheck", "trainer", WELL, feel("good"), WELL, fresh=True),
    case("healthcheck_async", "trainer", WELL, feel("good"), WELL),
    case("healthcheck_async_exception", "trainer", feel("bad"), unwell("feeling bad")),
    case("healthcheck_exception", "trainer", WELL, feel("bad"), unwell("feeling bad"), fresh=True),
    case("healthcheck_unhealthy", "trainer", WELL, feel("no"),
         unwell("user-defined healthcheck returned False"), fresh=True),
    case("healthcheck_async_unhealthy", "trainer", feel("no"), unwell("returned False")),
    case("healthcheck_timeout", "trainer", *TIMES_OUT, fresh=True),
    case("healthcheck_async_timeout", "trainer", *TIMES_OUT, fresh=True),
    case("healthcheck_during_prediction", "two_slots",
         behind("run", predict({"seconds": 0.6, "message": "slept"})), {"pause": 0.1}, WELL,
         {"pause": 0.2}, WELL, join("run", {"output": "slept"}), WELL,
         note="with a second slot: the present Cog says BUSY where all are taken"),
    case("healthcheck_immediately_after_prediction", "trainer",
         *[feel("good"), WELL] * 3, fresh=True),
    case("healthcheck_repeated_calls", "trainer", *[WELL] * 50, feel("good"), WELL),
]

INPUTS = [
    case("nested_output_types", "echo",
         gives({"any": {"name": "test", "count": 42, "score": 0.95, "passed": True,
                        "tags": ["fast", "cached"], "note": "extra info", "extra": None}},
               {"text": "x", "any": {"name": "test", "count": 42, "score": 0.95, "passed": True,
                                     "tags": ["fast", "cached"], "note": "extra info",
                                     "extra": None}})),
    case("optional_input_no_default", "echo",
         gives({"note": "world"}, {"text": "x", "note": "world"}),
         gives({"note": None}, {"text": "x"})),
    case("pep604_file_or_none_input", "echo",
         gives({"file": {"size": 5, "content": "hello"}},
               {"text": "x", "file": "data:text/plain;base64,aGVsbG8="}),
         gives({"file": None}, {"text": "x"})),
    case("pep604_path_or_none_input", "echo",
         gives({"file": {"content": "hello from data url"}},
               {"text": "x", "file": "data:text/plain;base64,aGVsbG8gZnJvbSBkYXRhIHVybA=="}),
         gives({"file": None}, {"text": "x"})),
    case("pep604_list_file_or_none_input", "rules",
         gives({"files": ["one", "two"]}, {"files": [data("one"), data("two")]}),
         gives({"files": None}, {})),
    case("pep604_list_path_or_none_input", "rules",
         gives({"files": ["one", "two"]}, {"files": ["data:text/plain;base64,b25l",
                                                     "data:text/plain;base64,dHdv"]}),
         gives({"files": None}, {})),
    case("pep604_string_url_not_coerced", "echo",
         gives({"note": URL}, {"text": "x", "note": URL}), gives({"note": None}, {"text": "x"})),
    case("string_input_url_not_coerced", "echo", gives({"text": URL}, {"text": URL})),
    case("string_input_url_list_not_coerced", "rules",
         gives({"words": [URL, URL + "/2"]}, {"words": [URL, URL + "/2"]})),
    case("union_input_list_http", "rules",
         gives({"reals": [1]}, {"reals": [1]}), gives({"reals": [1.5]}, {"reals": [1.5]}),
         gives({"reals": []}, {"reals": []}), refused({"reals": ["3"]}), refused({"reals": [True]}),
         refused({"reals": 1}), note="a list of numbers stands for a list of either"),
    *cannot("takes an explicit null where the schema says nullable (docs/compatibility.md)",
            "union_input_http"),
    case("scope_context", "scope",
         post({"input": {"name": "api_token"},
               "context": {"api_token": "test-token", "other": "x"}},
              {"status": "succeeded", "output": "test-token"}),
         post({"input": {"name": "api_token"}}, {"output": "nothing is said"}),
         note="one entry at a time"),
]

FAILURES = [
    case("predict_sys_exit", "sleeper",
         fails(anything, {"seconds": 0, "crash": "exit"}), health("READY"),
         gives("still alive", {"seconds": 0, "message": "still alive"}),
         note="the error says that the worker ended, not SystemExit"),
    case("prediction_error_response", "number",
         *[fails(ends_with(text), {"fail": text}, metrics={"predict_time": anything})
           for text in ("this is a value error", "runtime problem", "something went wrong")]),
    case("webhook_delivery_failure", "sleeper",
         post({"id": "lost", "webhook": "http://127.0.0.1:1/nonexistent", "input": {"seconds": 0},
               "webhook_events_filter": ["completed"]}, status=202, headers=ASYNC),
         health("READY"), gives("ok", {"seconds": 0, "message": "ok"})),
    case("webhook_prediction_error", "number", start("wrong", {"fail": "prediction went wrong"}),
         last_hook("wrong", status="failed", error=ends_with("prediction went wrong"))),
]


def says(text):
    return gives(f"hello {text}", {"text": text})


FRIENDS = [says(f"friendo{i}") for i in (1, 2, 3)]
SETUP = [
    case("sequential_state_leak", "keeper", gives("['a']", {"item": "a"}),
         gives("['a', 'b']", {"item": "b"}), gives("['a', 'b', 'c']", {"item": "c"}), fresh=True),
    case("setup_slow_serial", "starting", health("STARTING"), {"open": True}, health("READY"),
         says("hello"), fresh=True, note="as slow as it must be, without the 15 seconds"),
    case("setup_subprocess_simple", "helpers", *FRIENDS, fresh=True),
    case("setup_subprocess_double_fork", "helpers", *FRIENDS),
    case("setup_subprocess_double_fork_http", "helpers", *FRIENDS,
         note="talks to the forked process over a socket"),
    case("setup_subprocess_multiprocessing", "helpers",
         predict({"text": "friendo1"}, {"status": "succeeded", "output": "hello friendo1",
                                        "logs": contains("answered")}),
         note="the output is a text"),
    *cannot("lines that only its own implementation logs", "setup_worker_tracing_logs"),
    *cannot("needs the cog command line's weights and a registry", "weights_import_serve",
            "weights_pull_serve"),
]

INTEGRATION = [*ITERATORS, *CANCELS, *LARGE, *METRICS, *HEALTH, *INPUTS, *FAILURES, *SETUP]

ABOVE = [behind(f"r{i}", predict({"seconds": 0.6})) for i in range(2)]
CONCURRENT = [
    case("TestConcurrentPredictions", "five_slots",
         *[behind(f"p{i}", predict({"seconds": 1, "message": f"wake up {i}"})) for i in range(5)],
         health("BUSY"), request("POST", "/shutdown"),
         *[join(f"p{i}", {"output": f"wake up {i}", "metrics": {"predict_time": lambda s: s < 3}})
           for i in range(5)], fresh=True),
    case("TestConcurrentAboveLimit", "two_slots", *ABOVE, health("BUSY"),
         predict({}, {"status": "failed", "error": contains("capacity")}, status=409),
         join("r0"), join("r1")),
    case("TestConcurrentAsyncMetrics", "five_slots",
         *[behind(f"m{i}", predict({"seconds": 0.2 + i / 100, "message": f"done-{i}"}))
           for i in range(5)],
         *[join(f"m{i}", {"output": f"done-{i}",
                          "metrics": {"slept_s": 0.2 + i / 100, "predict_time": anything}})
           for i in range(5)], fresh=True),
    case("TestSIGTERMDuringSetup", "starting", health("STARTING"), {"signal": "SIGTERM"},
         {"exit": True}, fresh=True, note="the server ends by itself, with status 0"),
]

"""The tests of cog-runtime, the server in Go that came between (internal/tests). Its models print
what they do; the templates here print less, so logs are compared where a template prints too. The
words are ours."""

from case import (behind, cancel, cannot, case, fails, get, gives, health, hooks, join, last_hook,
                  predict, request, start)
from expectations import anything, contains

HELLO = ["one", "two"]
PRINTED = "one\ntwo\n"
ALL = ("start", "output", "logs", "completed")


def put(identity, inputs, body=None, status=200, **more):
    return request("PUT", f"/predictions/{identity}", {"input": inputs}, status=status, body=body,
                   **more)


ASYNC = [
    case("TestAsyncPrediction/succeeded", "printer", start("s", {"lines": HELLO}, method="PUT"),
         last_hook("s", status="succeeded", logs=PRINTED, output="printed")),
    case("TestAsyncPrediction/failed", "printer",
         start("f", {"lines": HELLO, "fail": "it broke"}, method="PUT"),
         last_hook("f", status="failed", logs=PRINTED, output=None)),
    case("TestAsyncPrediction/crashed", "sleeper", start("c", {"seconds": 0, "crash": "abort"}),
         last_hook("c", status="failed", output=None, error=anything), health("READY"),
         note="the worker is started again instead of DEFUNCT"),
    case("TestAsyncPredictorConcurrency", "two_counters",
         start("bar", {"count": 1, "delay_ms": 100, "prefix": "bar"}, method="PUT"),
         start("baz", {"count": 2, "delay_ms": 100, "prefix": "baz"}, method="PUT"),
         last_hook("bar", status="succeeded", output=["bar-0"], logs=contains("counted bar-0\n")),
         last_hook("baz", status="succeeded", output=["baz-0", "baz-1"])),
    case("TestAsyncPredictorCanceled", "sleeper",
         start("stop", {"seconds": 60}, events=("start", "completed"), method="PUT"),
         health("BUSY"), cancel("stop"),
         hooks("stop", {"status": "processing"}, {"status": "canceled", "id": "stop"})),
    case("TestAsyncPredictionCanceled", "counter",
         start("halt", {"count": 1000, "delay_ms": 20}, events=("start", "completed")),
         health("BUSY"), {"pause": 0.1}, cancel("halt"),
         last_hook("halt", status="canceled", logs=contains("counted"))),
    *cannot("Cog's health check has no `concurrency`", "TestAsyncPredictionConcurrency"),
]


def counted(name, events, *hooks_expected, count=2):
    return case(f"TestPredictionWebhookFilter/{name}", "counter",
                start(name, {"count": count, "prefix": "bar", "delay_ms": 10}, events=events,
                      method="PUT"), hooks(name, *hooks_expected))


DONE = {"status": "succeeded", "output": ["bar-0", "bar-1"], "logs": contains("counted bar-1")}
WORKING = {"status": "processing"}
FIRST = {"status": "processing", "output": ["bar-0"]}
BOTH = {"status": "processing", "output": ["bar-0", "bar-1"]}
FILTERS = [
    counted("completed", ("completed",), DONE),
    counted("start_completed", ("start", "completed"), WORKING, DONE),
    counted("output_completed", ("output", "completed"), FIRST, BOTH, DONE),
    case("TestPredictionWebhookFilter/logs_completed", "printer",
         start("logs", {"lines": HELLO}, events=("logs", "completed"), method="PUT"),
         hooks("logs", WORKING, WORKING, {"status": "succeeded", "logs": PRINTED})),
    case("TestPredictionWebhookFilter/all", "printer",
         start("all", {"lines": HELLO}, events=ALL, method="PUT"),
         hooks("all", WORKING, WORKING, WORKING, {**WORKING, "output": "printed"},
               {"status": "succeeded", "logs": PRINTED, "output": "printed"})),
    case("TestIteratorTypes/iterator", "counter",
         start("i", {"count": 2, "prefix": "bar"}),
         last_hook("i", status="succeeded", output=["bar-0", "bar-1"], logs=contains("bar-1"))),
    case("TestIteratorTypes/async_iterator", "two_counters",
         start("a", {"count": 2, "prefix": "bar"}),
         last_hook("a", status="succeeded", output=["bar-0", "bar-1"])),
    case("TestIteratorTypes/concat_iterator", "pieces", start("p", {"values": ["bar-0", "bar-1"]}),
         last_hook("p", status="succeeded", output=["bar-0", "bar-1"])),
    case("TestPredictionAsyncIteratorConcurrency", "two_counters",
         start("one", {"count": 1, "delay_ms": 100}, method="PUT"),
         start("two", {"count": 2, "delay_ms": 100}, method="PUT"),
         last_hook("one", status="succeeded", output=["item-0"]),
         last_hook("two", status="succeeded", output=["item-0", "item-1"])),
    *cannot("skipped by its own suite", "TestLogs"),
]

HI = "data:text/plain;base64,aGVsbG8="
OUTPUTS = [
    case("TestPathOut/path_out", "one_file", gives(HI, {})),
    case("TestPathOut/path_out_pathlike", "one_file", gives(HI, {}),
         note="a file is a file"),
    *cannot("files stand by themselves in outputs, not inside objects", "TestPathOut/path_out_any",
            "TestPathOut/path_out_dataclass", "TestPathOut/path_out_json",
            "TestPathOut/path_out_output", "TestPathOut/path_out_pydantic",
            "TestPredictionOutputSucceeded"),
    *cannot("Python dataclasses", "TestComplexOutputTypes", "TestPredictionDataclassCoderSucceeded",
            "TestPredictionChatCoderSucceeded", "TestPredictionCustomOutputCoder",
            "TestPredictionComplexOutputCoder", "TestPredictionCustomDataclassOutputCoder",
            "TestPredictionComplexDataclassOutputCoder"),
]

PREDICTIONS = [
    case("TestPredictionSucceeded", "meter",
         gives(["ok"], {"records": ["i replace number 1", "s_len replace number 3"]},
               metrics={"i": 1, "s_len": 3})),
    case("TestPredictionWithIdSucceeded", "printer",
         put("named", {"lines": HELLO}, {"status": "succeeded", "output": "printed", "id": "named",
                                         "logs": PRINTED})),
    case("TestPredictionFailure", "printer",
         fails("prediction failed", {"lines": HELLO, "fail": "prediction failed"}, output=None,
               logs=PRINTED)),
    case("TestPredictionCrash", "sleeper",
         fails(anything, {"seconds": 0, "crash": "exit"}, output=None), health("READY"),
         note="the worker is started again instead of DEFUNCT"),
    case("TestPredictionConcurrency", "sleeper",
         start("first", {"seconds": 0.5, "message": "*bar*"}), health("BUSY"),
         predict({"seconds": 5}, status=409),
         last_hook("first", status="succeeded", input={"seconds": 0.5, "message": "*bar*"},
                   output="*bar*")),
    case("TestPredictionPathBase64Succeeded", "echo",
         gives({"file": {"content": "bar"}},
               {"text": "x", "file": "data:text/plain; charset=utf-8;base64,YmFy"})),
    case("TestPredictionPathURLSucceeded", "echo",
         gives({"file": {"content": "downloaded"}}, {"text": "x", "file": "{files}/text.txt"})),
    case("TestPredictionNotPathSucceeded", "echo",
         gives({"text": "https://replicate.com"}, {"text": "https://replicate.com"}, logs="")),
    case("TestPathInputHTTPSRegression/non-procedure-mode-no-webhook", "echo",
         gives({"file": {"size": 8}}, {"text": "x", "file": "{files}/picture.png"})),
    case("TestPathInputHTTPSRegression/non-procedure-mode-with-webhook", "rules",
         start("pic", {"files": ["{files}/text.txt"]}),
         last_hook("pic", status="succeeded", output={"files": ["downloaded"]})),
    case("TestPredictionSecretSucceeded", "trainer",
         gives("feeling good, a token of 11", {"token": "the-token-x"},
               logs=contains("the token is **********")),
         note="the mask shows in the logs, where the template prints the secret"),
]

DEFAULTS = {"code": "a1", "brief": "abc", "words": []}
INPUTS = [
    case("TestInputDefaults/mutable_default_auto-converts", "rules", gives(DEFAULTS, {})),
    case("TestInputDefaults/immutable_default_succeeds", "rules", gives({"brief": "abc"}, {})),
    case("TestInputDefaults/immutable_default_with_overrided_value_succeeds", "rules",
         gives({"brief": "abcd"}, {"brief": "abcd"})),
    case("TestInputDefaults/mutable_default_isolation", "rules",
         gives({"words": ["999"]}, {"words": ["999"]}), gives(DEFAULTS, {})),
    case("TestInputFunctionSchemaGeneration", "rules",
         get("/openapi.json", {"components": {"schemas": {"Input": {
             "type": "object", "properties": {
                 "brief": {"type": "string", "default": "abc", "minLength": 2, "maxLength": 5},
                 "low": {"type": "number", "minimum": -1.5, "default": 0},
                 "high": {"type": "integer", "maximum": 10},
                 "old": {"deprecated": True, "description": "No longer recommended"}}}}}})),
    case("TestInputFunctionBasicPrediction", "needs",
         gives("n 1 1 none", {"name": "n", "size": 1, "tags": [], "token": "t"})),
    case("TestInputFunctionComplexPrediction", "needs",
         gives("n 2 a b 1 more", {"name": "n", "size": 2, "tags": ["a", "b"], "token": "t",
                                  "note": "more"})),
    case("TestInputFunctionSimple", "counter", gives(["hello-0", "hello-1", "hello-2"],
                                                     {"prefix": "hello", "count": 3})),
    *cannot("the present Cog answers 422 to wrong inputs, not a failed prediction",
            *[f"TestInputFunctionConstraintViolations/{name}" for name in (
                "repeat_count_too_low", "repeat_count_too_high", "invalid_format_type_choice",
                "prefix_too_short", "prefix_too_long")], "TestInputFunctionMissingRequired"),
]

SETUP = [
    case("TestSetupSucceeded", "set_up",
         get("/health-check", {"setup": {"status": "succeeded",
                                         "logs": contains("waiting at the gate\n")}}),
         get("/openapi.json")),
    case("TestSetupFailure", "fails_set_up",
         get("/health-check", {"status": "SETUP_FAILED", "setup": {
             "status": "failed", "logs": contains("the gate stays closed")}})),
]

SHUTDOWN = [
    case("TestShutdownEndpointE2E", "explicit", get("/health-check"), request("POST", "/shutdown"),
         {"exit": True}, fresh=True),
    case("TestShutdownEndpointFailsInNonAwaitMode", "sleeper", request("POST", "/shutdown"),
         {"exit": True}, fresh=True),
    case("TestShutdownEndpointMultipleCallsIdempotent", "explicit",
         behind("run", predict({"seconds": 0.5})), health("BUSY"),
         {"raw": ["POST /shutdown HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" * 3],
          "all": [{"status": 200, "body": {}}]}, join("run"), {"exit": True}, fresh=True,
         note="the first call closes the door behind it"),
    *cannot("new connections are refused while the server ends",
            "TestShutdownEndpointWaitsForInflightPredictions"),
]

PROCEDURES = cannot("procedures, which run code named by the request, are its own invention",
                    "TestPathInputHTTPSRegression/procedure-mode-no-webhook",
                    "TestPathInputHTTPSRegression/procedure-mode-with-webhook",
                    "TestProcedureSchemaLoadingSequential", "TestProcedureSlots",
                    "TestProcedureSlotBadProcedure", "TestProcedureAsyncConcurrency",
                    "TestProcedureNonAsyncConcurrency")

CASES = [*ASYNC, *FILTERS, *OUTPUTS, *PREDICTIONS, *INPUTS, *SETUP, *SHUTDOWN,
         *PROCEDURES]

"""The HTTP tests of Cog 0.16 (python/tests/server): what clients of the generation before expect.
The words are ours."""

from case import (cancel, cannot, case, fails, get, gives, health, hooks, last_hook, post,
                  predict, refused, request, start)
from expectations import anything, contains, files_that_go, of_length

URLS = ("cog_version", "docs_url", "openapi_url", "shutdown_url", "healthcheck_url",
        "predictions_url", "predictions_idempotent_url", "predictions_cancel_url")
FOOBAR = {"status": "succeeded", "output": "printed"}
OPERATION = {"200": {"description": "Successful Response", "content": anything},
             "422": {"description": "Validation Error", "content": {"application/json": {
                 "schema": {"$ref": "#/components/schemas/HTTPValidationError"}}}}}


def document(**schemas):
    return get("/openapi.json", {"components": {"schemas": schemas}})


def enumeration(name, kind, *values):
    return {name: {"title": name, "description": "An enumeration.", "type": kind,
                   "enum": list(values)}}


def reference(name, order):
    return {"allOf": [{"$ref": f"#/components/schemas/{name}"}], "x-order": order}


def put(identity, json=None, body=None, status=200, **more):
    return request("PUT", f"/predictions/{identity}", json or {}, status=status, body=body, **more)


SCHEMAS = [
    case("test_http.py::test_openapi_specification", "rules",
         get("/openapi.json", {
             "openapi": "3.0.2", "info": {"title": "Cog"},
             "paths": {"/": {"get": {"summary": "Root", "operationId": "root__get"}},
                       "/predictions": {"post": {
                           "summary": "Predict", "operationId": "predict_predictions_post",
                           "description": "Run a single prediction on the model",
                           "requestBody": {"content": {"application/json": {"schema": {
                               "$ref": "#/components/schemas/PredictionRequest"}}}},
                           "responses": OPERATION}},
                       "/predictions/{prediction_id}/cancel": {"post": {
                           "summary": "Cancel",
                           "operationId": "cancel_predictions__prediction_id__cancel_post",
                           "responses": OPERATION}}},
             "components": {"schemas": {
                 "Input": {"title": "Input", "type": "object", "properties": {
                     "brief": {"title": "Brief", "type": "string", "default": "abc", "x-order": 1,
                               "minLength": 2, "maxLength": 5, "description": "Two to five"},
                     "whole": {"title": "Whole", "type": "integer", "default": 0, "x-order": 5},
                     "level": reference("level", 2)}},
                 **enumeration("level", "integer", 1, 2, 3)}}}),
         note="the fragments that both generations have, on inputs of the same types"),
    case("test_http.py::test_openapi_specification_with_yield", "counter",
         document(Output={"title": "Output", "type": "array", "items": {"type": "string"},
                          "x-cog-array-type": "iterator"})),
    case("test_http.py::test_openapi_specification_with_yield_with_concatenate_iterator", "pieces",
         document(Output={"title": "Output", "type": "array", "items": {"type": "string"},
                          "x-cog-array-type": "iterator", "x-cog-array-display": "concatenate"})),
    case("test_http.py::test_openapi_specification_with_list", "texts",
         document(Output={"title": "Output", "type": "array", "items": {"type": "string"}})),
    case("test_http.py::test_openapi_specification_with_int_choices", "rules",
         document(**enumeration("level", "integer", 1, 2, 3),
                  Input={"properties": {"level": reference("level", 2)}})),
    case("test_http.py::test_openapi_specification_with_literal", "echo",
         document(**enumeration("choice", "string", "a", "b", "c"),
                  Input={"properties": {"choice": reference("choice", 4)}})),
    case("test_http.py::test_openapi_specification_with_deprecated", "rules",
         document(Input={"properties": {"old": {
             "title": "Old", "type": "string", "deprecated": True, "x-order": 13,
             "description": "No longer recommended"}}})),
    *cannot("outputs have no Python classes with fields of their own",
            "test_http.py::test_openapi_specification_with_custom_user_defined_output_type",
            "test_http.py::test_openapi_specification_with_optional_output_type",
            "test_http.py::test_openapi_specification_with_custom_user_defined_output_type_called_"
            "output", "test_http.py::test_train_openapi_specification"),
]

PREDICTIONS = [
    case("test_http.py::test_index_document", "starting",
         get("/", {name: anything for name in URLS}), fresh=True),
    case("test_http.py::test_setup_is_called", "set_up", gives("hello bar", {"text": "bar"})),
    case("test_http.py::test_yielding_strings_from_generator_predictors", "counter",
         gives(["item-0", "item-1", "item-2"], {})),
    case("test_http.py::test_yielding_strings_from_concatenate_iterator", "pieces",
         gives(["foo", "bar", "baz"], {})),
    case("test_http.py::test_yielding_strings_from_generator_predictors_file_input", "rules",
         gives({"files": ["hello"]}, {"files": ["data:text/plain; charset=utf-8;base64,aGVsbG8="]}),
         note="an object stands for the texts"),
    case("test_http.py::test_yielding_files_from_generator_predictors", "files",
         gives([contains("data:image/png;base64,aGk=")] * 3,
               {"names": ["red.png", "blue.png", "yellow.png"], "content": "hi"})),
    case("test_http.py::test_prediction_idempotent_endpoint", "printer",
         put("abcd1234", {}, {"id": "abcd1234", **FOOBAR})),
    case("test_http.py::test_prediction_idempotent_endpoint_matched_ids", "printer",
         put("abcd1234", {"id": "abcd1234"}, {"id": "abcd1234", **FOOBAR})),
    case("test_http.py::test_prediction_idempotent_endpoint_mismatched_ids", "printer",
         put("abcd1234", {"id": "foobar"}, status=422)),
    case("test_http.py::test_prediction_cancel", "sleeper", cancel("123", 404),
         start("123", {"seconds": 30}), cancel("456", 404), cancel("123"), health("READY")),
    *cannot("the present Cog says when its set-up began", "test_http.py::test_setup_healthcheck"),
    *cannot("a template is a class", "test_http.py::test_predict_works_with_functions"),
    *cannot("COG_WEIGHTS names a Stable Diffusion model",
            "test_http.py::test_weights_are_read_from_environment_variables"),
]


def feel(how):
    return predict({"health": how}, {"status": "succeeded"})


def unwell(text):
    return get("/health-check", {"status": "UNHEALTHY",
                                 "user_healthcheck_error": f"Healthcheck failed: {text}"})


HEALTH = [
    case("test_http.py::test_healthcheck_healthy", "trainer",
         get("/health-check", {"status": "READY"}), fresh=True),
    case("test_http.py::test_healthcheck_unhealthy", "trainer", feel("no"),
         unwell("user-defined healthcheck returned False")),
    case("test_http.py::test_healthcheck_exception", "trainer", feel("bad"), unwell("feeling bad")),
    case("test_http.py::test_healthcheck_timeout", "trainer", feel("slow"),
         unwell("user-defined healthcheck timed out after 5.0 seconds")),
]


def of_file(text):
    return {"file": {"content": text}}


MULTIPLE = {"text": "baz", "count": 5, "file": "data:text/plain;base64,d2liYmxl"}
CHOSEN = (gives(anything, {"text": "x", "choice": "b"}), refused({"text": "x", "choice": "baz"}))
INPUTS = [
    case("test_http_input.py::test_no_input", "printer", request("POST", "/predictions",
                                                                body=FOOBAR)),
    case("test_http_input.py::test_missing_input", "printer", post({}, FOOBAR)),
    case("test_http_input.py::test_empty_input", "printer", post({"input": {}}, FOOBAR)),
    case("test_http_input.py::test_good_int_input", "rules",
         gives({"whole": 3}, {"whole": 3}), gives({"whole": -3}, {"whole": -3})),
    case("test_http_input.py::test_default_int_input", "rules", gives({"level": 2}, {}),
         gives({"level": 3}, {"level": 3})),
    case("test_http_input.py::test_file_input_data_url", "echo",
         gives(of_file("bar"), {"text": "x", "file": "data:text/plain;base64,YmFy"})),
    case("test_http_input.py::test_file_input_with_http_url", "echo",
         gives(of_file("downloaded"), {"text": "x", "file": "{files}/text.txt"})),
    case("test_http_input.py::test_file_input_with_http_url_error", "echo",
         fails(anything, {"text": "x", "file": "{files}/missing"})),
    case("test_http_input.py::test_path_input_data_url", "rules",
         gives({"files": ["bar"]}, {"files": ["data:text/plain;base64,YmFy"]})),
    case("test_http_input.py::test_path_input_with_http_url", "rules",
         gives({"files": ["downloaded"]}, {"files": ["{files}/text.txt"]})),
    case("test_http_input.py::test_file_bad_input", "echo",
         refused({"text": "x", "file": "foo"})),
    case("test_http_input.py::test_path_or_none", "echo",
         gives(of_file("downloaded"), {"text": "x", "file": "{files}/text.txt"})),
    case("test_http_input.py::test_multiple_arguments", "echo",
         gives({"text": "baz", "count": 5, **of_file("wibble")}, MULTIPLE)),
    case("test_http_input.py::test_choices_str", "echo", *CHOSEN),
    case("test_http_input.py::test_choices_int", "rules", gives(anything, {"level": 1}),
         refused({"level": 4})),
    case("test_http_input.py::test_literal_str", "echo", *CHOSEN,
         note="choices are the one way to say it"),
    case("test_http_input.py::test_literal_int", "rules", gives(anything, {"level": 1}),
         refused({"level": 4}), note="choices are the one way to say it"),
    case("test_http_input.py::test_choices_str_iterable", "echo", *CHOSEN,
         note="choices are the one way to say it"),
    case("test_http_input.py::test_secret_str", "needs",
         gives("n 1 3 none", {"name": "n", "size": 1, "tags": [], "token": "foo"}),
         refused({"name": "n", "size": 1, "tags": [], "token": {}}),
         note="the length of the secret stands for it"),
    case("test_http_input.py::test_path_temporary_files_are_removed", "whereabouts",
         gives(files_that_go, {"file": "data:text/plain;base64,YmFy"})),
    *cannot("templates declare every input", "test_http_input.py::test_kwargs_input"),
    *cannot("unions of a value and a list are not declared in this SDK",
            "test_http_input.py::test_union_strings", "test_http_input.py::test_union_integers"),
    *cannot("inputs are typed when the template is compiled",
            "test_http_input.py::test_untyped_inputs",
            "test_http_input.py::test_input_with_unsupported_type"),
    case("test_http_input.py::test_bad_int_input", "legacy_rules",
         refused({"whole": "foo"}, {"detail": [{"loc": ["body", "input", "whole"],
                                                "msg": contains("valid integer")}]}),
         note="under --compat legacy, whose words these are"),
    case("test_http_input.py::test_gt_lt", "legacy_rules",
         refused({"low": -2}, {"detail": [{"msg": contains("greater than or equal to -1.5")}]}),
         gives({"low": -1.25}, {"low": -1.25}), note="under --compat legacy; other limits"),
]

OUTPUTS = [
    case("test_http_output.py::test_output_file", "one_file",
         gives("data:application/octet-stream;base64,aGVsbG8=", {"name": "file"})),
    case("test_http_output.py::test_output_path", "one_file",
         gives(of_length(len("data:image/bmp;base64,") + 4 * 1000),
               {"name": "x.bmp", "content": "abc", "times": 1000})),
    *cannot("files stand by themselves in outputs, not inside objects",
            "test_http_output.py::test_complex_output"),
    *cannot("lists do not nest in outputs",
            "test_http_output.py::test_iterator_of_list_of_complex_output"),
    *cannot("a Python type", "test_http_output.py::test_json_output_numpy"),
    *cannot("the SDK refuses a wrong output; the prediction fails, as in the present Cog",
            "test_http_output.py::test_return_wrong_type"),
]

FINISHED = dict(status="succeeded", output="done")
WEBHOOKS = [
    case("test_webhook.py::test_webhook_caller_basic", "sleeper",
         start("basic", {"seconds": 0}), last_hook("basic", **FINISHED)),
    case("test_webhook.py::test_webhook_caller_filtered_basic", "counter",
         start("logs", {"count": 1}, events=("logs", "completed")),
         last_hook("logs", status="succeeded", logs=contains("counted"))),
    case("test_webhook.py::test_webhook_caller_filtered_omits_filtered_events", "counter",
         start("few", {"count": 3}), hooks("few", {"status": "succeeded"})),
    case("test_webhook.py::test_webhook_caller_connection_errors", "sleeper",
         post({"webhook": "http://127.0.0.1:1/", "input": {"seconds": 0}}, FINISHED)),
    case("test_webhook.py::test_webhook_caller_terminal_retries", "sleeper",
         {"receiver": [429, 429]}, start("again", {"seconds": 0}),
         {**hooks("again", *[FINISHED] * 3), "settle_s": 1.5}),
    case("test_webhook.py::test_webhook_caller_non_terminal_does_not_retry", "sleeper",
         {"receiver": [429]}, start("once", {"seconds": 0.1}, events=("start", "completed")),
         hooks("once", {"status": "processing"}, FINISHED)),
    *cannot("the server says who it is: dream/VERSION",
            "test_webhook.py::test_webhook_includes_user_agent"),
]

COUNTED = {"count": 3, "delay_ms": 20}
THROTTLE = [
    case("test_response_throttler.py::test_zero_interval", "counter",
         start("all", COUNTED, events=("start", "output", "completed")),
         hooks("all", {"status": "processing"}, *[{"status": "processing"}] * 3,
               {"status": "succeeded"})),
    case("test_response_throttler.py::test_terminal_status", "throttled",
         start("end", COUNTED, events=("start", "logs", "completed")),
         hooks("end", {"status": "processing"}, {"status": "succeeded"})),
    case("test_response_throttler.py::test_nonzero_internal", "throttled_briefly",
         start("some", {"count": 2, "delay_ms": 350}, events=("start", "logs", "completed")),
         hooks("some", {"status": "processing", "logs": ""},
               {"status": "processing", "logs": contains("item-0")},
               {"status": "processing", "logs": contains("item-1")}, {"status": "succeeded"}),
         note="progress lines come with the lines of the model"),
]

def file(name, there):
    return {"file": name, "there": there}


ELSEWHERE = "by --ready-file; tests/http/test_drain.py has the place that Kubernetes' images use"
PROBES = [
    case("test_probes.py::test_ready", "probed", health("STARTING"), file("run/cog/ready", False),
         {"open": True}, health("READY"), file("run/cog/ready", True), fresh=True, note=ELSEWHERE),
    case("test_probes.py::test_creates_probe_dir_if_needed", "probed", {"open": True},
         health("READY"), file("run/cog/ready", True), note=ELSEWHERE),
    case("test_probes.py::test_no_exception_when_probe_dir_exists", "probed_in_place",
         file("ready", True), note=ELSEWHERE),
    case("test_probes.py::test_does_nothing_when_not_in_k8s", "set_up", file("run", False),
         file("ready", False)),
]

CASES = [*SCHEMAS, *PREDICTIONS, *HEALTH, *INPUTS, *OUTPUTS, *WEBHOOKS, *THROTTLE, *PROBES]

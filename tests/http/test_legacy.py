"""--compat legacy: as Cog before 0.17 where it contradicts the present one."""

import json

import pytest
from harness import JSON, Server


@pytest.fixture(scope="module")
def server():
    one = Server("echo", "sleeper", args=["--compat", "legacy"])
    yield one
    one.kill()


def test_async_answers_with_the_whole_prediction(server):
    answer = server.start({"seconds": 0.1}, "sleeper", id="l1")
    assert answer.status == 202
    body = answer.json
    assert body["id"] == "l1" and body["status"] == "processing"
    assert body["input"] == {"seconds": 0.1} and body["output"] is None
    server.wait_for("READY")


def test_409_while_starting(serve):
    server = serve("sleeper", args=["--compat", "legacy"], wait=None)
    while not server.listening():
        pass
    answer = server.predict({})
    if answer.status != 200:  # set-up may be quicker than we are
        assert (answer.status, answer.json) == (409, {"detail": "Already running a prediction"})


@pytest.mark.parametrize("given, became", [
    ({"text": 5}, {"text": "5"}), ({"text": "x", "count": "7"}, {"count": 7}),
    ({"text": "x", "number": "2.5"}, {"number": 2.5}),
    ({"text": "x", "flag": "true"}, {"flag": True}),
    ({"text": "x", "flag": 1}, {"flag": True}), ({"text": "x", "count": 3.9}, {"count": 3}),
    ({"text": "x", "numbers": ["1", 2]}, {"numbers": [1, 2]}),
    ({"text": "x", "count": None}, {"count": 3}),
])
def test_lax_inputs(server, given, became):
    body = server.predict(given).json
    assert body["status"] == "succeeded", body
    assert {name: body["output"][name] for name in became} == became


def test_what_cannot_be_read_is_still_refused(server):
    answer = server.predict({"text": "x", "count": "three"})
    assert answer.status == 422 and answer.json["detail"] == [
        {"loc": ["body", "input", "count"], "msg": "value is not a valid integer",
         "type": "type_error.integer"}]


def test_bodies_count_whatever_their_type(server):
    for headers in ({}, {"Content-Type": "text/plain"}):
        answer = server.request("POST", "/predictions", json.dumps({"input": {"text": "x"}}),
                                headers)
        assert answer.status == 200 and answer.json["output"]["text"] == "x"
    answer = server.request("POST", "/predictions", "{bad", JSON)
    assert answer.status == 422 and answer.json["detail"][0]["loc"] == ["body"]
    answer = server.request("POST", "/predictions", {"input": {"text": "x"}, "context": None,
                                                     "webhook_events_filter": None})
    assert answer.status == 200


def test_a_crash_is_an_internal_server_error(server):
    answer = server.predict({"seconds": 0, "crash": "abort"}, "sleeper")
    assert (answer.status, answer.text) == (500, "Internal Server Error")
    server.wait_for("READY")
    assert server.predict({"seconds": 0}, "sleeper").json["status"] == "succeeded"

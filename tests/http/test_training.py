"""Trainings, the health check of a template, and secrets that stay secret."""

import base64
import json
import subprocess
import threading
import time

import pytest
from harness import BUILD, wait_until

TOKEN = "hunter2-is-my-token"
MASK = "**********"


@pytest.fixture(scope="module")
def trainer():
    from harness import Server
    server = Server("trainer", "echo", args=["--concurrency", "2"])
    yield server
    server.kill()


def test_the_index_names_the_training_urls(trainer):
    index = trainer.get("/").json
    assert index["trainings_url"] == "/trainings"
    assert index["trainings_idempotent_url"] == "/trainings/{training_id}"
    assert index["trainings_cancel_url"] == "/trainings/{training_id}/cancel"
    assert trainer.get("/templates/trainer").json["trainings_url"] == "/templates/trainer/trainings"
    assert "trainings_url" not in trainer.get("/templates/echo").json


def test_the_document_describes_both_entries(trainer):
    document = trainer.get("/openapi.json").json
    schemas = document["components"]["schemas"]
    training = schemas["TrainingInput"]["properties"]
    assert list(training) == ["health", "name", "steps", "token"]
    assert training["name"]["x-order"] == 0 and schemas["TrainingInput"]["required"] == ["name"]
    assert schemas["TrainingOutput"] == {"title": "Output", "type": "string", "format": "uri"}
    operation = document["paths"]["/trainings"]["post"]
    assert operation["operationId"] == "train_trainings_post" and operation["summary"] == "Train"
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/TrainingRequest"}
    assert "/trainings/{training_id}/cancel" in document["paths"]
    enums = [schemas[prop["allOf"][0]["$ref"].rsplit("/", 1)[1]]["enum"]
             for prop in (schemas["Input"]["properties"]["health"], training["health"])]
    assert enums == [["good", "bad", "slow", "no"], ["fine"]]
    echo = trainer.get("/templates/echo/openapi.json").json
    assert "TrainingInput" not in echo["components"]["schemas"]
    assert "/trainings" not in echo["paths"]


def test_a_training(trainer, receiver):
    answer = trainer.post("/trainings", {"id": "t1", "input": {"name": "my", "steps": 5},
                                         "webhook": receiver.url})
    assert answer.status == 200 and answer.json["status"] == "succeeded", answer.text
    assert base64.b64decode(answer.json["output"].split(",", 1)[1]) == b"5 steps"
    assert "5/5" in answer.json["logs"] and "training" in answer.json["logs"]
    assert receiver.terminal("t1")["output"] == answer.json["output"]


def test_training_inputs_have_their_own_rules(trainer):
    answer = trainer.post("/trainings", {"input": {"steps": 0}})
    assert answer.status == 422
    assert [error["loc"] for error in answer.json["detail"]] == [
        ["body", "input", "steps"], ["body", "input", "name"]]


def test_put_and_cancel_a_training(trainer):
    mismatch = trainer.request("PUT", "/trainings/a", {"id": "b", "input": {"name": "x"}})
    assert mismatch.status == 422
    assert mismatch.json["detail"][0]["msg"] == "training ID must match the ID supplied in the URL"
    headers = {"Prefer": "respond-async", "Content-Type": "application/json"}
    body = {"input": {"name": "x", "steps": 100000}}
    started = trainer.request("PUT", "/trainings/long", body, headers=headers)
    assert started.status == 202
    again = trainer.request("PUT", "/trainings/long", body)
    assert again.status == 202 and again.json["status"] == "processing"
    assert trainer.post("/trainings/long/cancel").status == 200
    wait_until(lambda: trainer.post("/trainings/long/cancel").status == 404, what="its end")


def test_no_streams_of_trainings(trainer):
    answer = trainer.post("/trainings", {"input": {"name": "x"}},
                          headers={"Accept": "text/event-stream",
                                   "Content-Type": "application/json"})
    assert answer.status == 406
    assert answer.json == {"error": "Training endpoints do not support streaming responses."}


def test_a_template_without_a_trainer(trainer):
    answer = trainer.post("/templates/echo/trainings", {"input": {}})
    assert answer.status == 404 and "no trainer" in answer.json["detail"]


def test_healthcheck_of_the_template(serve):
    server = serve("trainer")
    assert server.health() == "READY"
    assert "user_healthcheck_error" not in server.get("/health-check").json
    server.predict({"health": "bad"})
    body = server.get("/health-check").json
    assert list(body) == ["status", "setup", "version", "user_healthcheck_error"]
    assert body["status"] == "UNHEALTHY"
    assert body["user_healthcheck_error"] == "Healthcheck failed: feeling bad"
    assert server.predict({"health": "no"}).json["status"] == "succeeded"  # still accepted
    assert server.get("/health-check").json["user_healthcheck_error"] == (
        "Healthcheck failed: user-defined healthcheck returned False")
    server.predict({"health": "good"})
    assert server.health() == "READY"


def test_healthcheck_during_a_run_and_its_limit(serve):
    server = serve("trainer")
    server.post("/trainings", {"id": "busy", "input": {"name": "x", "steps": 100000}},
                headers={"Prefer": "respond-async", "Content-Type": "application/json"})
    assert server.health() == "BUSY"
    server.post("/trainings/busy/cancel")
    server.wait_for("READY")
    server.predict({"health": "slow"})
    results = []

    def ask():
        begin = time.monotonic()
        body = server.get("/health-check").json
        results.append((body["status"], body.get("user_healthcheck_error"),
                        time.monotonic() - begin))

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    text = "Healthcheck failed: user-defined healthcheck timed out after 5.0 seconds"
    for status, error, seconds in results:
        assert (status, error) == ("UNHEALTHY", text) and 4.5 < seconds < 7
    ask()  # the worker is still at the first question: no other is put
    assert results[-1][0] == "UNHEALTHY" and results[-1][2] < 1
    server.predict({"health": "good"})
    server.wait_for("READY", limit_s=15)


@pytest.mark.parametrize("tell", [False, True])
def test_secrets_stay_secret(trainer, receiver, tell):
    answer = trainer.predict({"token": TOKEN, "tell": tell}, id=f"secret-{tell}",
                             webhook=receiver.url)
    receiver.terminal(f"secret-{tell}")
    assert answer.json["status"] == ("failed" if tell else "succeeded")
    assert answer.json["input"]["token"] == MASK
    assert f"the token is {MASK}" in answer.json["logs"]
    if tell:
        assert answer.json["error"] == f"cannot log in with {MASK}"
    else:  # the template got it whole
        assert answer.json["output"].endswith(f"a token of {len(TOKEN)}")
    assert TOKEN not in answer.text
    assert TOKEN not in json.dumps(receiver.bodies)
    assert TOKEN not in trainer.log()


def test_a_running_training_hides_its_secret(trainer):
    trainer.post("/trainings", {"id": "hidden", "input": {"name": "x", "steps": 100000,
                                                          "token": TOKEN}},
                 headers={"Prefer": "respond-async", "Content-Type": "application/json"})
    seen = trainer.request("PUT", "/trainings/hidden", {"input": {"name": "x"}})
    assert seen.json["input"] == {"name": "x", "steps": 100000, "token": MASK}
    trainer.post("/trainings/hidden/cancel")


def test_an_invalid_secret_is_not_quoted(trainer):
    answer = trainer.predict({"token": [TOKEN]})
    assert answer.status == 422 and TOKEN not in answer.text and MASK in answer.text


def test_predict_hides_secrets():
    done = subprocess.run([BUILD / "bin/dream", "predict", BUILD / "lib/dream/test_templates/"
                           "trainer.so", "-i", f"token={TOKEN}", "--json", "--weights", "none"],
                          text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    prediction = json.loads(done.stdout)
    assert prediction["input"] == {"token": MASK}
    assert prediction["output"].endswith(f"a token of {len(TOKEN)}")
    assert TOKEN not in done.stdout + done.stderr

"""The Dreambooth API as its clients of 2022 and 2023 speak it, and what we add."""

import json
import re
import urllib.request

import pytest


from images import make_pictures, make_weights
from platforms import TRAINER, Platform

VERSION = re.compile(r"[0-9a-f]{64}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def inputs(platform, **more):
    return {"instance_prompt": "a photo of cjw person", "instance_data": platform.upload(), **more}


def test_upload_then_train_as_the_blog_has_it(platform, trainer):
    answer = platform.post("/v1/upload/data.zip", headers={"Content-Type": "application/zip"})
    assert answer.status == 200 and set(answer.json) == {"upload_url", "serving_url"}
    assert answer.json["serving_url"].endswith("/data.zip")
    data = make_pictures()
    put = urllib.request.Request(answer.json["upload_url"], data, method="PUT",
                                 headers={"Content-Type": "application/zip"})
    with urllib.request.urlopen(put) as reply:
        assert reply.status == 200 and reply.read() == b""
    with urllib.request.urlopen(answer.json["serving_url"]) as reply:  # as the trainer: no login
        assert reply.read() == data and reply.headers["Content-Type"] == "application/zip"
    body = {"input": {"instance_prompt": "a photo of a cjw person",
                      "class_prompt_": None, "instance_data": answer.json["serving_url"],
                      "max_train_steps": 2000},
            "trainer_version": TRAINER, "model": "yourusername/yourmodel", "notes": "my notes",
            "template_version": None, "webhook_completed": None}
    del body["input"]["class_prompt_"]
    created = platform.post("/v1/trainings", body)
    assert created.status == 201, created.text
    training = created.json
    assert training["status"] == "queued" and "version" not in training
    assert re.fullmatch(r"[a-z2-7]{26}", training["id"]) and TIME.fullmatch(training["created_at"])
    for key in ("input", "model", "trainer_version", "notes"):
        assert training[key] == body[key]
    assert training["webhook_completed"] is None and training["error"] is None
    ended = platform.wait_end(training["id"])
    assert ended["status"] == "succeeded", ended
    assert VERSION.fullmatch(ended["version"])
    assert ended["output"]["version"] == f"yourusername/yourmodel:{ended['version']}"
    assert ended["metrics"]["predict_time"] > 0 and ended["error"] is None
    assert "step 1" in ended["logs"]
    assert [s["name"] for s in ended["steps"]] == ["train", "build", "push"]
    assert all(s["status"] == "succeeded" for s in ended["steps"])
    assert trainer.bodies[training["id"]]["input"] == body["input"]
    with urllib.request.urlopen(ended["output"]["weights"]) as reply:
        assert reply.read() == make_weights(body["input"]["instance_prompt"])


def test_the_training_is_a_prediction_too(platform):
    identity = platform.create()
    platform.wait_end(identity)
    prediction = platform.get(f"/v1/predictions/{identity}").json
    assert prediction["id"] == identity and prediction["status"] == "succeeded"
    assert prediction["output"].endswith("/output.zip") and prediction["version"]


def test_weights_instead_of_a_training(platform, trainer):
    weights = make_weights("mine")
    identity = platform.create(weights=platform.upload(weights, "output.zip"))
    training = platform.wait_end(identity)
    assert training["status"] == "succeeded", training
    assert [s["name"] for s in training["steps"]] == ["fetch", "build", "push"]
    assert trainer.begun == []
    # Equal weights on an equal template are one version.
    again = platform.wait_end(platform.create(weights=platform.upload(weights, "other.zip")))
    assert again["version"] == training["version"]
    other = platform.wait_end(platform.create(weights=platform.upload(make_weights("x"), "o.zip")))
    assert other["version"] != training["version"]


def test_dry_run_keeps_nothing(platform, trainer):
    body = {"model": "anna/me", "dry_run": True, "input": inputs(platform)}
    answer = platform.post("/v1/trainings", body)
    assert answer.status == 200 and answer.json["valid"] is True, answer.text
    assert platform.get("/v1/trainings").json["results"] == [] and trainer.begun == []
    body["input"]["max_train_steps"] = "many"
    assert platform.post("/v1/trainings", body).status == 422


def test_lists_pages(platform):
    data = platform.upload(make_weights(), "output.zip")
    made = [platform.create(weights=data, model=f"anna/m{i % 2}") for i in range(103)]
    page = platform.get("/v1/trainings").json
    assert [t["id"] for t in page["results"]] == made[:2:-1] and page["previous"] is None
    assert page["next"].startswith(f"http://127.0.0.1:{platform.port}/v1/trainings?cursor=")
    path = page["next"].split(str(platform.port), 1)[1]
    rest = platform.get(path).json
    assert [t["id"] for t in rest["results"]] == made[2::-1] and rest["next"] is None
    back = platform.get(rest["previous"].split(str(platform.port), 1)[1]).json
    assert [t["id"] for t in back["results"]] == [t["id"] for t in page["results"]]
    odd = platform.get("/v1/trainings?model=anna/m1").json["results"]
    assert {t["model"] for t in odd} == {"anna/m1"} and len(odd) == 51
    assert platform.get("/v1/trainings?status=processing").json["results"] == []


def test_idempotency_keys(platform):
    body = {"model": "anna/me", "weights": platform.upload(make_weights(), "output.zip")}
    key = {"Idempotency-Key": "one"}
    first = platform.post("/v1/trainings", body, headers=key)
    again = platform.post("/v1/trainings", body, headers=key)
    assert first.status == again.status == 201 and first.json["id"] == again.json["id"]
    other = platform.post("/v1/trainings", {**body, "model": "anna/you"}, headers=key)
    assert other.status == 422 and "Idempotency-Key" in other.text
    assert len(platform.get("/v1/trainings").json["results"]) == 1
    # What was refused may be sent again, put right.
    second = {"Idempotency-Key": "two"}
    assert platform.post("/v1/trainings", {"model": "x"}, headers=second).status == 422
    assert platform.post("/v1/trainings", body, headers=second).status == 201


def events_of(url, last=None):
    request = urllib.request.Request(url, headers={"Last-Event-ID": last} if last else {})
    with urllib.request.urlopen(request, timeout=60) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        text = stream.read().decode()
    events = []
    for block in text.split("\n\n"):
        fields = [line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")]
        if fields:
            data = "\n".join(value for name, value in fields if name == "data")
            events.append((dict(fields)["event"], dict(fields)["id"], data))
    return events


def test_streams_of_events(platform):
    identity = platform.create(input=inputs(platform, seconds=1.5))
    url = platform.training(identity)["urls"]["stream"]
    events = events_of(url)
    logs = "".join(data for name, _, data in events if name == "logs")
    assert "step 1" in logs and "step 5" in logs
    statuses = [json.loads(data)["status"] for name, _, data in events if name == "status"]
    assert statuses[-1] == "succeeded" and "processing" in statuses
    assert events[-1][0] == "done" and events[-1][2] == "{}"
    # From the last event on, there are no old logs.
    again = events_of(url, events[-1][1])
    assert [name for name, _, _ in again] == ["status", "done"]
    assert logs.strip() == platform.training(identity)["logs"].strip()


def test_two_accounts_see_their_own(tmp_path, trainer, template):
    with Platform(tmp_path / "data", trainer=trainer.url, template=template,
                  tokens="anna=annas-token ben=bens-token", args=["--most-trainings", "1"]
                  ) as platform:
        ben = {"Authorization": "Bearer bens-token"}
        identity = platform.create(input=inputs(platform, seconds=30))
        assert platform.get(f"/v1/trainings/{identity}", headers=ben).status == 404
        assert platform.post(f"/v1/trainings/{identity}/cancel", headers=ben).status == 404
        assert platform.get("/v1/trainings", headers=ben).json["results"] == []
        body = {"model": "anna/me", "input": inputs(platform)}
        theirs = platform.post("/v1/trainings", body, headers=ben)
        assert theirs.status == 422 and "another account" in theirs.text
        full = platform.post("/v1/trainings", body)
        assert full.status == 429 and int(full.headers["retry-after"]) > 0
        own = platform.post("/v1/trainings", {**body, "model": "ben/me"}, headers=ben)
        assert own.status == 201
        canceled = platform.post(f"/v1/trainings/{identity}/cancel")
        assert canceled.status == 200
        assert platform.wait_end(identity)["status"] == "canceled"
        assert platform.post("/v1/trainings", body).status == 201


def test_what_can_be_trained_with(platform):
    trainers = platform.get("/v1/trainers").json["results"]
    assert trainers == [{"name": "dreambooth", "default": True}]
    trainer = platform.get("/v1/trainers/dreambooth").json
    inputs = trainer["openapi_schema"]["components"]["schemas"]["Input"]["properties"]
    assert "instance_prompt" in inputs and "url" not in trainer
    assert platform.get("/v1/trainers/none").status == 404
    assert platform.get("/v1/templates").json["results"] == [{"name": "vanilla", "default": True}]


def test_other_sites_may_not_use_a_browser_of_this_machine(platform):
    """There are no tokens: programs of this machine may do all, its browser's sites may not."""
    pixel = {"Content-Type": "text/plain"}
    for headers in ({"Origin": "https://other.example"}, {"Sec-Fetch-Site": "cross-site"},
                    {"Host": "other.example"}):
        answer = platform.request("POST", "/v1/trainings", "{}", {**pixel, **headers})
        assert answer.status == 403 and "this machine alone" in answer.json["detail"], headers
    own = {"Origin": f"http://127.0.0.1:{platform.port}"}
    assert platform.post("/v1/trainings", {}, headers=own).status == 422


def form(data, name="file", file_name="my pictures.zip", before=""):
    head = f'--frontier\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"'
    body = (before + head + "\r\nContent-Type: application/zip\r\n\r\n").encode() + data
    kind = {"Content-Type": "multipart/form-data; boundary=frontier"}
    return body + b"\r\n--frontier--\r\n", kind


def fetched(platform, url):
    return platform.request("GET", url.split(f":{platform.port}", 1)[1])


@pytest.mark.parametrize("path, name", [("/v1/upload", "my_pictures.zip"),
                                        ("/v1/upload/data.zip", "data.zip")])
def test_an_upload_as_a_form(platform, path, name):
    field = '--frontier\r\nContent-Disposition: form-data; name="purpose"\r\n\r\ntraining\r\n'
    for before in ("", field):
        body, kind = form(b"PK pictures", before=before)
        answer = platform.post(path, body, headers=kind)
        assert answer.status == 200, answer.text
        urls = answer.json
        assert urls["serving_url"].endswith("/" + name) and urls["upload_url"].endswith("/" + name)
        assert (urls.get("url") == urls.get("final_url") == urls["serving_url"]) == \
            (path == "/v1/upload")
        assert fetched(platform, urls["serving_url"]).text == "PK pictures"
        # What such a client may do next replaces it.
        put = platform.request("PUT", urls["upload_url"].split(f":{platform.port}", 1)[1], b"new")
        assert put.status == 200 and fetched(platform, urls["serving_url"]).text == "new"


@pytest.mark.parametrize("body, name", [({"filename": "a b.zip"}, "a_b.zip"), ({}, "data.zip"),
                                        (None, "data.zip")])
def test_an_upload_without_a_name(platform, body, name):
    urls = platform.post("/v1/upload", body).json
    assert urls["serving_url"].endswith("/" + name)
    assert fetched(platform, urls["serving_url"]).status == 404
    path = urls["upload_url"].split(f":{platform.port}", 1)[1]
    assert platform.request("PUT", path, b"PK").status == 200
    assert fetched(platform, urls["url"]).text == "PK"


def test_upload_forms_that_are_none(platform):
    good, kind = form(b"x")
    for body, headers, words in ((good[:-20], kind, "boundary"), (b"--frontier--\r\n", kind, ""),
                                 (good, {"Content-Type": "multipart/form-data"}, "boundary")):
        answer = platform.post("/v1/upload", body, headers=headers)
        assert answer.status == 422 and words in answer.json["detail"], answer.text
    assert platform.post("/v1/upload", {"filename": 7}).status == 422

"""The same requests to the real Cog server and to ours: status, content type and body must agree.

Keys that ours adds are removed first. Any other difference needs an entry in DIFFERENCES, and the
same entry in docs/compatibility.md. An entry that no transcript needs any more fails the test.
"""

import json
import pathlib
import re

import pytest
from coglet import COG, Coglet
from harness import ROOT, Server, wait_until

FOLDER = pathlib.Path(__file__).parent / "transcripts"
TEMPLATES = ["echo", "counter", "sleeper"]
ADDED = {"input", "created_at", "started_at", "completed_at", "detail", "dream_version",
         "templates_url"}


def transcripts():
    for template in TEMPLATES:
        for entry in json.loads((FOLDER / f"{template}.json").read_text()):
            yield pytest.param(template, entry, id=f"{template}: {entry['name']}")


@pytest.fixture(scope="module")
def pairs():
    if not COG.exists():
        pytest.skip(".deps/cog is missing: tools/test installs it")
    ours = {name: Server(name) for name in TEMPLATES}
    real = {name: Coglet(name, ours[name].get("/openapi.json").json) for name in TEMPLATES}
    yield {name: (real[name], ours[name]) for name in TEMPLATES}
    for server in [*ours.values(), *real.values()]:
        server.kill()


def ask(server, entry):
    body = entry.get("json", entry.get("text"))
    answer = server.request(entry["method"], entry["path"], body, entry.get("headers"))
    if answer.status == 409:  # the real server frees its slot after the answer
        wait_until(lambda: server.health() == "READY", what="a free slot")
        return ask(server, entry)
    content = answer.text
    if answer.headers.get("content-type") == "application/json" and content:
        content = json.loads(content)
    return {"status": answer.status, "type": answer.headers.get("content-type"),
            "allow": answer.headers.get("allow"), "body": content}


def without_added(answer):
    """What ours adds to the wire (cog's own additive fields of earlier versions, and a few)."""
    body = answer["body"]
    if not isinstance(body, dict):
        return answer
    removed = ADDED if "status" in body or "cog_version" in body else set()
    body = {key: value for key, value in body.items() if key not in removed}
    if body.get("status") in ("succeeded", "failed", "canceled"):
        for key in ("error", "output"):
            if body.get(key, "") is None:
                del body[key]
    if body.get("status") == "failed" and "logs" in body:
        body["logs"] = ""
    if isinstance(body.get("metrics"), dict):
        assert isinstance(body["metrics"]["predict_time"], float)
        body["metrics"] = {**body["metrics"], "predict_time": 0.0}
    return {**answer, "body": body}


def field(name, change):
    def apply(answer):
        body = answer["body"]
        if isinstance(body, dict) and name in body:
            return {**answer, "body": {**body, name: change(body[name])}}
        return answer
    return apply


def generated_id(answer):
    pattern = r"pred_[0-9a-f]+|[a-z2-7]{26}"
    return field("id", lambda text: "ID" if re.fullmatch(pattern, text) else text)(answer)


def json_error_text(answer):
    body = answer["body"]
    if answer["type"] != "text/plain; charset=utf-8":
        return answer
    body = re.sub(r"(Failed to parse the request body as JSON: ).*", r"\1…", body, flags=re.S)
    return {**answer, "body": re.sub(r" at line \d+ column \d+$", "", body)}


def error_text(answer):
    return field("error", lambda text: re.sub(r"^(Prediction failed: ){2}\w+: ", "", text))(answer)


def file_error_text(answer):
    return field("error", lambda text: re.sub(r"^(Input validation error: ).*", r"\1…", text))(
        answer)


def health_details(answer):
    body = answer["body"]
    if isinstance(body, dict) and "setup" in body:
        return {**answer, "body": {**body, "version": "…", "setup": body["setup"]["status"]}}
    return answer


def progress_logs(answer):
    def drop(text):
        return "".join(line for line in text.splitlines(True) if "it/s]" not in line)
    return field("logs", drop)(answer)


def whatever(answer):
    return {}


# key: (how both answers are made alike, the transcripts it applies to)
DIFFERENCES = {
    "generated-ids": (generated_id, r".*"),
    "json-error-text": (json_error_text, r".*"),
    "error-text": (error_text, r".*"),
    "file-error-text": (file_error_text, r".*"),
    "health-details": (health_details, r".*"),
    "progress-in-logs": (progress_logs, r".*"),
    "null-for-nullable": (whatever, r"echo: null for a nullable one"),
    "paths-refused": (whatever, r"echo: a path of the server"),
    "no-trainings": (whatever, r"echo: POST /trainings"),
    "docs-page": (whatever, r"echo: GET /docs"),
}


def alike(real, ours, name, leave_out=None):
    for key, (change, where) in DIFFERENCES.items():
        if key != leave_out and re.fullmatch(where, name):
            real, ours = change(real), change(ours)
    return real, ours


SEEN = []


@pytest.mark.parametrize("template, entry", list(transcripts()))
def test_same_answer(pairs, template, entry):
    real, ours = (without_added(ask(server, entry)) for server in pairs[template])
    name = f"{template}: {entry['name']}"
    SEEN.append((name, real, ours))
    expected, got = alike(real, ours, name)
    assert got == expected


def test_every_difference_is_needed():
    if len(SEEN) < len(list(transcripts())):
        pytest.skip("needs all transcripts of this file to have run")
    for key in DIFFERENCES:
        needed = any(real != ours for name, first, second in SEEN
                     for real, ours in [alike(first, second, name, leave_out=key)])
        assert needed, f"{key} is not needed any more"


def test_differences_are_documented():
    text = (ROOT / "docs" / "compatibility.md").read_text()
    documented = set(re.findall(r"^\| `([a-z-]+)` \|", text, flags=re.M))
    assert documented == set(DIFFERENCES)

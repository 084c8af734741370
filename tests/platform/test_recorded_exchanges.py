"""The answers of the Replicate API that the Python client's tests have recorded, as golden shapes.

recorded_exchanges.json has each of the 26 kinds of exchange in replicate-python's tests/cassettes
(at 0110c2c) once: method, path, status, media type, and the answer's keys with their JSON types.
Where kinds were recorded more than once, types are joined by `|`, and keys that only some have end
with `?`. Every key that is always there must be here too, with a type that was seen there."""

import json
import pathlib
import urllib.request

import pytest
from harness import Answer
from report import add_to_report

from places import OWNER, Deliveries, Place
from platforms import TRAINER
from trainer import Trainer

ROWS = json.loads((pathlib.Path(__file__).parent / "recorded_exchanges.json").read_text())
KINDS = {dict: "object", list: "array", str: "string", int: "number", float: "number",
         bool: "boolean", type(None): "null"}
# Keys that are not here, and why.
LACKING = {
    "checksums.md5": "what is stored is known by its SHA-256",
    "webhook_completed": "recordings of 2024 have `webhook` in its place",
    "metrics.predict_time": "nothing is known of it where a cancel came before the beginning",
}
LACKED = set()
# What has nothing to tell is null.
MAY_BE_NULL = {"description", "github_url", "paper_url", "license_url", "cover_image_url",
               "default_example", "latest_version", "started_at", "completed_at", "next"}


def mismatches(answer, shape, path=""):
    """What is wrong with `answer`, one text for each."""
    if isinstance(shape, list):
        if not isinstance(answer, list) or not answer:
            return [f"{path}: {answer!r} is no list with anything in it"]
        return [text for item in answer for text in mismatches(item, shape[0], f"{path}[]")]
    if isinstance(shape, dict):
        if not isinstance(answer, dict):
            return [f"{path}: {answer!r} is no object"]
        return [text for key, kind in shape.items() if not key.endswith("?")
                for text in key_mismatches(answer, key, kind, f"{path}.{key}")]
    kinds = set(shape.split("|"))
    if path.rsplit(".", 1)[-1] in MAY_BE_NULL:
        kinds.add("null")
    if kinds == {"null"} or KINDS[type(answer)] in kinds:
        return []
    return [f"{path}: {answer!r} is no {shape}"]


def key_mismatches(answer, key, kind, path):
    if key not in answer:
        known = {name for name in LACKING if path.endswith(f".{name}") or path == name}
        LACKED.update(known)
        return [] if known else [f"{path}: it is missing"]
    return mismatches(answer[key], kind, path)


class World:
    """What the requests name, and their bodies."""

    def __init__(self, place):
        self.place = place
        self.version = place.versions["texts"].split(":")[1]
        self.file = self.upload()
        self.last = {}
        place.create(f"{OWNER}/destination", weights=place.archive, template_version="texts")

    def upload(self):
        form = ('--edge\r\nContent-Disposition: form-data; name="content"; filename="a.txt"\r\n'
                "Content-Type: text/plain\r\n\r\nhello\r\n--edge--\r\n")
        return self.place.request("POST", "/v1/files", form, {
            "Content-Type": "multipart/form-data; boundary=edge"})

    def running(self):
        return self.place.post("/v1/predictions", {
            "version": self.version, "input": {"count": 100, "delay_ms": 1000}}).json["id"]

    def ended(self):
        made = self.place.post("/v1/predictions", {"version": self.version, "input": {"count": 1}},
                               headers={"Prefer": "wait"})
        return made.json["id"]

    def training(self):
        answer = self.train(f"{OWNER}/destination")
        assert answer.status == 201, answer.text
        return answer.json["id"]

    def train(self, destination):
        return self.place.post(f"/v1/models/replicate/dreambooth/versions/{TRAINER}/trainings", {
            "destination": destination, "input": {"instance_prompt": "x", "seconds": 5}})

    def ask(self, row):
        """The row's request, with something real for what it names."""
        method, path, status = row["method"], row["path"], row["status"]
        headers = {"Prefer": row["prefer"]} if "prefer" in row else {}
        if path == "/v1/files" and method == "POST":
            return self.upload()
        if path.endswith("/trainings"):
            return self.train(f"{OWNER}/destination" if status == 201 else f"{OWNER}/nowhere")
        if status == 401:
            headers["Authorization"] = "Bearer wrong-token"
        if path == "{output}":
            return self.file_of_an_output()
        path = path.format(owner=OWNER, name="texts", version=self.version, id=self.named(row))
        return self.place.request(method, path, self.body(row), headers)

    def named(self, row):
        path, cancels = row["path"], row["path"].endswith("/cancel")
        if path.startswith("/v1/predictions/{id}"):
            return self.running() if cancels else self.ended()
        if path.startswith("/v1/trainings/{id}"):
            return self.training()
        return "texts" if "collections" in path else self.file.json["id"]

    def file_of_an_output(self):
        with urllib.request.urlopen(self.place.archive) as answer:  # nobody's token
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, headers, f"{len(answer.read())} bytes")

    def body(self, row):
        method, path = row["method"], row["path"]
        if method == "QUERY":
            return "texts"
        if method != "POST" or path.endswith("/cancel"):
            return None
        if path == "/v1/models":
            return {"owner": OWNER, "name": "python-example", "visibility": "private",
                    "hardware": "cpu", "description": "An example model"}
        body = {"input": {"count": 2}}
        return {**body, "version": self.version} if path == "/v1/predictions" else body


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    with Trainer() as trainer, Deliveries(folder / "deliveries") as hook, \
            Place(folder, trainer, hook) as place:
        yield World(place)


@pytest.mark.parametrize("row", ROWS, ids=[
    " ".join(filter(None, (row["method"], row["path"], str(row["status"]), row.get("prefer"))))
    for row in ROWS])
def test_exchange(world, row):
    answer = world.ask(row)
    assert answer.status == row["status"], answer.text
    if row["answer"] != "bytes":
        assert answer.headers["content-type"].partition(";")[0] == row["content_type"]
        assert not mismatches(answer.json, row["answer"], row["method"])
    if row.get("preference_applied"):
        assert answer.headers["preference-applied"].startswith("wait")
    add_to_report("clients", {"suite": "exchanges recorded by the Python client 1.x", "passed": 1,
                              "cases": 1})


def test_what_is_said_to_be_lacking_is():
    assert set(LACKING) - LACKED <= {"metrics.predict_time"}  # a cancel is soon, or sooner


def test_the_comparison_finds_what_is_wrong():
    shape = {"id": "string", "urls": {"get": "string"}, "error": "null", "more?": "number",
             "results": [{"name": "string|null"}], "description": "string"}
    good = {"id": "x", "urls": {"get": "u"}, "error": "e", "results": [{"name": None}],
            "description": None}
    assert mismatches(good, shape) == []
    for path, value in (("id", 1), ("id", None), ("urls", {}), ("urls", "u"), ("results", []),
                        ("results", [{"name": 1}]), ("description", 1)):
        assert mismatches({**good, path: value}, shape), (path, value)
    assert mismatches({key: good[key] for key in good if key != "error"}, shape)

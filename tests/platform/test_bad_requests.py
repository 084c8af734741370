"""Every bad request gets its status, names its field, and leaves no training behind."""

import json

import pytest

from images import make_pictures, make_weights
from platforms import Platform

GOOD = {"model": "anna/me", "input": {"instance_prompt": "a photo of cjw person"}}
LONG = "x" * 70000


def wanted(**fields):
    return {**GOOD, **fields}


def inputs(**fields):
    return {**GOOD, "input": {**GOOD["input"], **fields}}


def without(*names):
    return {key: value for key, value in GOOD.items() if key not in names}


# The body, the status, the field that is named (None: the request as a whole).
ROWS = [
    ("no JSON", "{", 400, None),
    ("text", "hello", 400, None),
    ("a list", "[]", 400, None),
    ("a number", "1", 400, None),
    ("null", "null", 400, None),
    ("a string", '"x"', 400, None),
    ("two objects", "{}{}", 400, None),
    ("a comment", "{/* */}", 400, None),
    ("not UTF-8", b'{"model": "\xff"}', 400, None),
    ("too deep", '{"input":' * 100 + "1" + "}" * 100, 400, None),
    ("very deep", "[" * 200000, 400, None),
    ("nothing", "", 422, "model"),
    ("empty", {}, 422, "model"),
    ("no model", without("model"), 422, "model"),
    ("model null", wanted(model=None), 422, "model"),
    ("model empty", wanted(model=""), 422, "model"),
    ("model a number", wanted(model=7), 422, "model"),
    ("model an object", wanted(model={}), 422, "model"),
    ("model without owner", wanted(model="me"), 422, "model"),
    ("model without name", wanted(model="anna/"), 422, "model"),
    ("model in capitals", wanted(model="Anna/Me"), 422, "model"),
    ("model with space", wanted(model="anna/my model"), 422, "model"),
    ("model of three", wanted(model="a/b/c"), 422, "model"),
    ("model that climbs", wanted(model="../../etc"), 422, "model"),
    ("model with dots", wanted(model="anna/a..b"), 422, "model"),
    ("model with tag", wanted(model="anna/me:latest"), 422, "model"),
    ("model too long", wanted(model="anna/" + "a" * 65), 422, "model"),
    ("model in Greek", wanted(model="άννα/εγώ"), 422, "model"),
    ("model with NUL", wanted(model="anna/me\0"), 422, "model"),
    ("no input", without("input"), 422, "input"),
    ("input null", wanted(input=None), 422, "input"),
    ("input a list", wanted(input=[]), 422, "input"),
    ("input a text", wanted(input="x"), 422, "input"),
    ("input too large", inputs(instance_prompt="x" * (1 << 20)), 422, "input"),
    ("no prompt", wanted(input={}), 422, "input.instance_prompt"),
    ("prompt a number", inputs(instance_prompt=1), 422, "input.instance_prompt"),
    ("unknown input", inputs(instance_promt="x"), 422, "input.instance_promt"),
    ("steps a text", inputs(max_train_steps="many"), 422, "input.max_train_steps"),
    ("steps a fraction", inputs(max_train_steps=1.5), 422, "input.max_train_steps"),
    ("no steps", inputs(max_train_steps=0), 422, "input.max_train_steps"),
    ("too many steps", inputs(max_train_steps=10001), 422, "input.max_train_steps"),
    ("steps true", inputs(max_train_steps=True), 422, "input.max_train_steps"),
    ("huge number", inputs(max_train_steps=1e300), 422, "input.max_train_steps"),
    ("rate a text", inputs(learning_rate="1e-6"), 422, "input.learning_rate"),
    ("no such scheduler", inputs(lr_scheduler="fast"), 422, "input.lr_scheduler"),
    ("flag a number", inputs(train_text_encoder=1), 422, "input.train_text_encoder"),
    ("no such trainer", wanted(trainer_version="f" * 64), 422, "trainer_version"),
    ("trainer a number", wanted(trainer_version=5), 422, "trainer_version"),
    ("trainer in words", wanted(trainer_version="the best"), 422, "trainer_version"),
    ("no such template", wanted(template_version="f" * 64), 422, "template_version"),
    ("template a list", wanted(template_version=[]), 422, "template_version"),
    ("template that is away", wanted(template_version="gone"), 422, "template_version"),
    ("notes a number", wanted(notes=1), 422, "notes"),
    ("notes too long", wanted(notes=LONG), 422, "notes"),
    ("notes with NUL", wanted(notes="a\0b"), 422, "notes"),
    ("webhook a number", wanted(webhook_completed=1), 422, "webhook_completed"),
    ("webhook no URL", wanted(webhook_completed="me"), 422, "webhook_completed"),
    ("webhook a path", wanted(webhook_completed="/hook"), 422, "webhook_completed"),
    ("webhook a file", wanted(webhook_completed="file:///etc/passwd"), 422, "webhook_completed"),
    ("webhook by mail", wanted(webhook_completed="mailto:a@b.c"), 422, "webhook_completed"),
    ("webhook with a break", wanted(webhook_completed="http://a/\r\nX: y"), 422,
     "webhook_completed"),
    ("webhook without host", wanted(webhook_completed="http://"), 422, "webhook_completed"),
    ("webhook too long", wanted(webhook_completed="http://a/" + "x" * 9000), 422,
     "webhook_completed"),
    ("the other webhook", wanted(webhook="ftp://a/b"), 422, "webhook_completed"),
    ("dry_run a text", wanted(dry_run="yes"), 422, "dry_run"),
    ("unknown field", wanted(modle="anna/me"), 422, "modle"),
    ("events", wanted(webhook_events_filter=["start"]), 422, "webhook_events_filter"),
    ("weights a number", wanted(weights=1), 422, "weights"),
    ("weights no URL", wanted(weights="output.zip"), 422, "weights"),
    ("weights a data URL", wanted(weights="data:,x"), 422, "weights"),
    ("weights and trainer", wanted(weights="http://a/b", trainer_version="dreambooth"), 422,
     "trainer_version"),
]


@pytest.fixture(scope="module")
def platform(tmp_path_factory, template):
    from trainer import Trainer
    with Trainer() as trainer, Platform(
            tmp_path_factory.mktemp("bad") / "data", trainer=trainer.url, template=template,
            args=["--template", "gone=oci:/nowhere/at/all", "--least-pictures", "3"]) as running:
        yield running


@pytest.mark.parametrize("name,body,status,field", ROWS, ids=[row[0] for row in ROWS])
def test_bad_trainings(platform, name, body, status, field):
    answer = platform.post("/v1/trainings", body)
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status and answer.json["detail"]
    if field:
        assert answer.json["invalid_fields"][0]["field"] == field, answer.text
        assert field in answer.json["detail"]
    assert platform.get("/v1/trainings").json["results"] == []


# The archive, and what is said of it.
ARCHIVES = [
    ("no zip", b"hello", "cannot be used as a zip archive"),
    ("nothing", b"", "cannot be used as a zip archive"),
    ("cut", make_pictures()[:-30], "cannot be used as a zip archive"),
    ("no pictures", make_weights(), "it has 0 pictures"),
    ("too few", make_pictures(2), "it has 2 pictures"),
    ("hidden ones", make_pictures(5, "__MACOSX/._photo-{}.png"), "it has 0 pictures"),
]


@pytest.mark.parametrize("name,data,words", ARCHIVES, ids=[row[0] for row in ARCHIVES])
def test_bad_archives(platform, name, data, words):
    answer = platform.post("/v1/trainings", inputs(instance_data=platform.upload(data)))
    assert answer.status == 422, answer.text
    assert answer.json["invalid_fields"][0]["field"] == "input.instance_data"
    assert words in answer.json["detail"], answer.text
    assert platform.get("/v1/trainings").json["results"] == []


def test_an_archive_that_never_came(platform):
    serving = platform.post("/v1/upload/data.zip").json["serving_url"]
    answer = platform.post("/v1/trainings", inputs(instance_data=serving))
    assert answer.status == 422 and "nothing was uploaded" in answer.json["detail"]


PATHS = [
    ("GET", "/v1/trainings/nobody", 404),
    ("GET", "/v1/trainings/%00", 404),
    ("GET", "/v1/trainings?cursor=zzz", 422),
    ("GET", "/v1/trainings?cursor=%ff", 422),
    ("GET", "/v1/trainings?model=nonsense", 422),
    ("POST", "/v1/trainings/nobody/cancel", 404),
    ("POST", "/v1/trainings/nobody/retry", 404),
    ("GET", "/v1/predictions/nobody", 404),
    ("PUT", "/uploads/abc-123-456/data.zip", 403),
    ("PUT", "/outputs/abc.1-456/output.zip", 404),
    ("GET", "/files/abc-456/data.zip", 404),
    ("GET", "/weights/abc-456/output.zip", 404),
    ("GET", "/streams/abc-456", 404),
    ("POST", "/callbacks/abc.1-456", 404),
    ("DELETE", "/v1/trainings", 405),
    ("GET", "/nowhere", 404),
]


@pytest.mark.parametrize("method,path,status", PATHS, ids=[f"{m} {p}" for m, p, _ in PATHS])
def test_bad_paths(platform, method, path, status):
    assert platform.request(method, path, "{}").status == status


def test_bad_names_of_files_lead_nowhere(platform):
    for name in ("..", ".", "a%2f..%2fb", "%00", "%c3%bc.zip", "x" * 500):
        answer = platform.post(f"/v1/upload/{name}")
        assert answer.status == 200, answer.text
        last = answer.json["serving_url"].rsplit("/", 1)[1]
        assert set(last) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.") and last.strip(".")
        assert len(last) <= 200


def test_uploads_are_bounded(tmp_path, trainer, template):
    with Platform(tmp_path / "data", trainer=trainer.url, template=template,
                  args=["--most-upload", "1000"]) as platform:
        urls = platform.post("/v1/upload/data.zip").json
        path = urls["upload_url"].split(str(platform.port), 1)[1]
        assert platform.request("PUT", path, b"x" * 1000).status == 200
        assert platform.request("PUT", path, b"x" * 1001).status == 413
        assert platform.request("PUT", path + "x", b"x").status == 200  # the name is for people
        forged = path.replace("-", "-9", 1)
        assert platform.request("PUT", forged, b"x").status == 403
        leftovers = list((platform.data / "blobs/incoming").iterdir())
        assert leftovers == [], json.dumps([str(p) for p in leftovers])

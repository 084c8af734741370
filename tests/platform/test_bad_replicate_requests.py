"""Every bad request of the Replicate API gets its status, names its field, and makes nothing."""

import pytest

from places import OWNER, Deliveries, Place
from platforms import TRAINER
from trainer import Trainer

PREDICTIONS, MODELS, DEPLOYMENTS = "/v1/predictions", "/v1/models", "/v1/deployments"
TRAININGS = f"/v1/models/replicate/dreambooth/versions/{TRAINER}/trainings"
GOOD = {PREDICTIONS: {"version": "VERSION", "input": {}},
        MODELS: {"owner": OWNER, "name": "new", "visibility": "private", "hardware": "cpu"},
        DEPLOYMENTS: {"name": "new", "model": f"{OWNER}/texts", "version": "VERSION",
                      "hardware": "cpu", "min_instances": 0, "max_instances": 1},
        TRAININGS: {"destination": f"{OWNER}/texts", "input": {"instance_prompt": "x"}}}


def rows(path, *cases):
    """Each case: what is put over a good body (a text: the body), the status, the field."""
    return [(path, *case) for case in cases]


ROWS = [
    *rows(PREDICTIONS, ("{", 400, None), ("[]", 400, None), ("hello", 400, None),
          ("{}", 422, "version"), ({"version": None}, 422, "version"),
          ({"version": ""}, 422, "version"), ({"version": 7}, 422, "version"),
          ({"version": "x"}, 422, "version"), ({"version": "f" * 63}, 422, "version"),
          ({"version": "f" * 64}, 422, "version"), ({"version": "a/b:c"}, 422, "version"),
          ({"version": "nobody/nothing"}, 422, "version"),
          ({"version": "nobody/nothing:" + "f" * 64}, 422, "version"),
          ({"version": "a\0b"}, 422, "version"), ({"version": "x" * 300}, 422, "version"),
          ({"input": []}, 422, "input"), ({"input": "x"}, 422, "input"),
          ({"input": 1}, 422, "input"), ({"webhook": 1}, 422, "webhook"),
          ({"webhook": "me"}, 422, "webhook"), ({"webhook": "file:///etc"}, 422, "webhook"),
          ({"webhook": "http://a/" + "x" * 9000}, 422, "webhook"),
          ({"webhook_completed": "ftp://a/b"}, 422, "webhook_completed"),
          ({"webhook": "http://127.0.0.1:1/", "webhook_events_filter": "start"}, 422,
           "webhook_events_filter"),
          ({"webhook": "http://127.0.0.1:1/", "webhook_events_filter": ["end"]}, 422,
           "webhook_events_filter"),
          ({"webhook": "http://127.0.0.1:1/", "webhook_events_filter": [1]}, 422,
           "webhook_events_filter")),
    *rows(MODELS, ("{", 400, None), ("{}", 422, "owner"), ({"owner": None}, 422, "owner"),
          ({"name": ""}, 422, "name"), ({"name": 7}, 422, "name"),
          ({"name": "New"}, 422, "name"), ({"name": "a/b"}, 422, "name"),
          ({"name": "x" * 300}, 422, "name"), ({"visibility": None}, 422, "visibility"),
          ({"visibility": "secret"}, 422, "visibility"),
          ({"description": 1}, 422, "description"), ({"github_url": "me"}, 422, "github_url"),
          ({"paper_url": "file:///a"}, 422, "paper_url"), ({"name": "texts"}, 409, "name")),
    *rows(DEPLOYMENTS, ("[]", 400, None), ("{}", 422, "name"), ({"name": "New"}, 422, "name"),
          ({"model": None}, 422, "model"), ({"model": "texts"}, 422, "model"),
          ({"model": f"{OWNER}/nothing"}, 422, "model"), ({"version": "f" * 64}, 422, "version"),
          ({"min_instances": -1}, 422, "min_instances"),
          ({"min_instances": "1"}, 422, "min_instances"),
          ({"min_instances": 2}, 422, "min_instances"),
          ({"max_instances": 1e9}, 422, "max_instances"),
          ({"max_instances": 1.5}, 422, "max_instances")),
    *rows(TRAININGS, ("{", 400, None), ("{}", 422, "destination"),
          ({"destination": 7}, 422, "destination"),
          ({"destination": f"{OWNER}/nowhere"}, 404, None), ({"input": None}, 422, "input"),
          ({"input": []}, 422, "input"), ({"input": {}}, 422, "input.instance_prompt"),
          ({"input": {"instance_prompt": 1}}, 422, "input.instance_prompt"),
          ({"webhook": "me"}, 422, "webhook"),
          ({"template_version": "f" * 64}, 422, "template_version")),
    *rows(TRAININGS.replace(TRAINER, "f" * 64), ({}, 404, None)),
    *rows("/v1/models/nobody/nothing/predictions", ({"input": {}}, 404, None)),
    *rows("/v1/deployments/nobody/nothing/predictions", ({"input": {}}, 404, None)),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    with Trainer() as trainer, Deliveries(folder / "deliveries") as hook, \
            Place(folder, trainer, hook) as running:
        running.made = running.counts()
        yield running


def real(value, place):
    version = place.versions["texts"].split(":")[1]
    return {key: version if item == "VERSION" else item for key, item in value.items()}


def check(answer, status, field):
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status and answer.json["detail"]
    if field:
        assert field in answer.json["detail"]
        if status == 422:
            assert answer.json["invalid_fields"][0]["field"] == field, answer.text


@pytest.mark.parametrize("path,body,status,field", ROWS, ids=[
    f"{row[0].rsplit('/', 1)[-1]} {str(row[1])[:40]!r}" for row in ROWS])
def test_bad_bodies(place, path, body, status, field):
    if isinstance(body, dict):
        body = real({**GOOD.get(path, {}), **body}, place)
    check(place.post(path, body), status, field)
    assert place.counts() == place.made


@pytest.mark.parametrize("method,path,body,status", [
    ("PATCH", "/v1/models/anna/texts", {"visibility": "secret"}, 422),
    ("PATCH", "/v1/models/anna/texts", {"default_example": "nobody"}, 422),
    ("PATCH", "/v1/models/anna/nothing", {}, 404),
    ("DELETE", "/v1/models/anna/texts", None, 409),
    ("DELETE", "/v1/models/anna/texts/versions/" + "f" * 64, None, 404),
    ("GET", "/v1/models/anna/texts/versions/x", None, 404),
    ("GET", "/v1/models/anna/%00", None, 404),
    ("QUERY", "/v1/models", b"\xff", 422),
    ("GET", "/v1/predictions/nobody", None, 404),
    ("POST", "/v1/predictions/nobody/cancel", None, 404),
    ("GET", "/v1/predictions?cursor=zzz", None, 422),
    ("GET", "/v1/predictions?created_after=yesterday", None, 422),
    ("GET", "/v1/deployments/anna/nothing", None, 404),
    ("PATCH", "/v1/deployments/anna/nothing", {}, 404),
    ("DELETE", "/v1/deployments/ben/nothing", None, 404),
    ("GET", "/v1/files/nobody", None, 404),
    ("DELETE", "/v1/files/nobody", None, 404),
    ("GET", "/v1/files/nobody/download?owner=anna&expiry=1&signature=x", None, 404),
    ("POST", "/v1/files", {"content": "x"}, 415),
    ("GET", "/v1/collections/nothing", None, 404),
    ("GET", "/v1/search", None, 422),
    ("PUT", "/v1/predictions", {}, 405),
])
def test_bad_paths(place, method, path, body, status):
    assert place.request(method, path, body).status == status
    assert place.counts() == place.made


FORM = 'Content-Disposition: form-data; name="{}"; filename="a"\r\n\r\nhello'


@pytest.mark.parametrize("parts,end", [
    ([], "--edge--\r\n"), ([FORM.format("other")], "--edge--\r\n"),
    ([FORM.format("content")], "--ed"), ([FORM.format("content")] * 2, "--edge--\r\n"),
    (["no head at all"], "--edge--\r\n"),
    ([FORM.format("content"), FORM.format("metadata")], "--edge--\r\n")])
def test_bad_forms(place, parts, end):
    body = "".join(f"--edge\r\n{part}\r\n" for part in parts) + end
    answer = place.post("/v1/files", body, headers={
        "Content-Type": "multipart/form-data; boundary=edge"})
    assert answer.status == 422, answer.text
    assert place.counts() == place.made


@pytest.mark.parametrize("wait", ["soon", "0", "-5m", "1h30", "5 m", "1e9s"])
def test_bad_deadlines(place, wait):
    answer = place.post("/v1/predictions", real(GOOD[PREDICTIONS], place),
                        headers={"Cancel-After": wait})
    assert answer.status == 422 and "Cancel-After" in answer.text, answer.text
    assert place.counts() == place.made

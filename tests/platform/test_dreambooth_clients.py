"""The request sequences of the Dreambooth API's clients, each to its end: a version, a webhook."""

import http.server
import json
import re

import pytest
from harness import LocalServer, free_port, wait_until
from report import add_to_report

from dreambooth_clients import BOT_TEMPLATE, CLIENTS, MORE_INPUTS, TEMPLATES, Caller
from images import make_pictures
from platforms import WEBHOOK_SECRET, Platform
from signatures import problem_of

TOKEN = "a-token-of-anna"
VERSION = re.compile(r"[0-9a-f]{64}")


class Elsewhere(LocalServer):
    """The rest of the web: an archive on any path, and the webhooks that were sent there."""

    def __init__(self):
        self.hooks = []
        data, hooks = make_pictures(), self.hooks

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(data)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                hooks.append((self.path, headers, body))
                self.answer(b"")

            def answer(self, content):
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        super().__init__(Handler)


@pytest.fixture(scope="module")
def elsewhere():
    with Elsewhere() as running:
        yield running


@pytest.fixture(scope="module")
def platform(tmp_path_factory, template):
    from trainer import Trainer
    # An id that only a user of the service could know is told with --alias.
    args = ["--alias", f"{BOT_TEMPLATE}=vanilla", "--trainings-at-once", "4"]
    for pose in TEMPLATES:
        args += ["--template", f"controlnet-{pose}={template}"]
    port = free_port()
    with Trainer(more_inputs=MORE_INPUTS) as trainer, Platform(
            tmp_path_factory.mktemp("clients") / "data", trainer=trainer.url, template=template,
            tokens=f"anna={TOKEN}", args=args, port=port,
            public_url=f"http://127.0.0.1:{port}") as running:
        running.trainer = trainer
        yield running


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "data.zip"
    path.write_bytes(make_pictures())
    return path


def filled(value, urls):
    if isinstance(value, dict):
        return {key: filled(item, urls) for key, item in value.items()}
    if isinstance(value, str):
        for name, url in urls.items():
            value = value.replace(name, url)
    return value


def poll(caller, client, identity):
    """As photoshot does: while the status is one of four."""
    seen = []

    def ended():
        status, text = caller.call("GET", f"/v1/trainings/{identity}", client.headers)
        assert status == 200, text
        training = json.loads(text)
        seen.append(training["status"])
        assert set(client.also_needs) <= set(training)
        return training if training["status"] not in (
            "queued", "starting", "processing", "pushing") else None

    return wait_until(ended, 60, "the end"), seen


def check_webhook(elsewhere, path, training):
    [(_, headers, body)] = wait_until(
        lambda: [hook for hook in elsewhere.hooks if json.loads(hook[2])["id"] == training["id"]],
        30, "the webhook")
    assert [hook[0] for hook in elsewhere.hooks if hook[2] == body] == [path]  # byte for byte
    told = json.loads(body)
    for key in ("status", "version", "model", "input", "error", "webhook_completed"):
        assert told[key] == training[key], key
    assert problem_of(WEBHOOK_SECRET, (headers, body)) == ""


@pytest.mark.parametrize("client", CLIENTS, ids=[client.name for client in CLIENTS])
def test_client(client, platform, elsewhere, archive):
    caller = Caller(platform.port, TOKEN, archive)
    caller.login = {"Authorization": f"{client.scheme} {TOKEN}"}
    urls = {"ELSEWHERE": f"{elsewhere.url}/data.zip", "HOOK": elsewhere.url}
    if client.upload:
        urls["DATA"] = client.upload(caller)
    body = filled(client.body, urls)
    status, text = caller.call("POST", "/v1/trainings", client.headers, json.dumps(body))
    assert status in client.first, text
    created = json.loads(text)
    assert created["status"] == "queued" and created["id"], text
    assert created["input"] == body["input"] and created["model"] == body["model"]
    training, seen = poll(caller, client, created["id"])
    assert training["status"] == "succeeded", training
    assert set(seen) <= {"queued", "starting", "processing", "pushing", "succeeded"}
    assert VERSION.fullmatch(training["version"])
    assert platform.trainer.bodies[created["id"]]["input"] == body["input"]
    hook = body.get("webhook_completed") or body.get("webhook")
    if hook:
        check_webhook(elsewhere, hook.removeprefix(elsewhere.url), training)
    assert "hunter2" not in platform.log()
    add_to_report("clients", {"suite": "clients of the Dreambooth API", "passed": 1, "cases": 1})

"""Webhooks: what signs them, what is told of them, and that no log has a secret in it."""

import json
import pathlib
import re
import shutil
import subprocess
import time

import pytest
from harness import BUILD, ROOT, wait_until
from signatures import new_secret, problem_of

VARIABLE = "WEBHOOK_SIGNING_SECRET"


def counted(server, receiver, identity="signed"):
    server.start({"count": 3}, template="counter", id=identity, webhook=receiver.url)
    receiver.terminal(identity)
    return receiver.deliveries()


def test_signed_with_the_secret_of_a_file(serve, receiver, tmp_path):
    secret = new_secret()
    file = tmp_path / "secret"
    file.write_text(secret + "\n")
    server = serve("counter", args=["--webhook-secret-file", str(file)],
                   env={VARIABLE: new_secret()})
    sent = counted(server, receiver)
    assert len(sent) >= 5 and problem_of(secret, *sent) == ""
    assert len({headers["webhook-id"] for headers, _ in sent}) == len(sent)
    for headers, _ in sent:
        assert re.fullmatch(r"msg_[0-9a-z]{26}", headers["webhook-id"])
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 30
        assert re.fullmatch(r"v1,[A-Za-z0-9+/]{43}=", headers["webhook-signature"])
    assert "InvalidSignatureError" in problem_of(new_secret(), sent[0])
    headers, body = sent[-1]
    changed = body.replace("item-0", "item-9")
    assert "InvalidSignatureError" in problem_of(secret, (headers, changed))


def test_two_secrets_while_one_replaces_the_other(serve, receiver):
    old, new = new_secret(24), new_secret(64)
    sent = counted(serve("counter", env={VARIABLE: f"{new} {old}"}), receiver)
    for secret in (old, new):
        assert problem_of(secret, *sent) == ""
    assert all(headers["webhook-signature"].count("v1,") == 2 for headers, _ in sent)


def test_unsigned_without_a_secret(serve, receiver):
    for headers, _ in counted(serve("counter", env={VARIABLE: ""}), receiver):
        assert "webhook-signature" not in headers and headers["webhook-id"].startswith("msg_")


def test_a_retry_has_the_same_id_and_a_signature_of_its_own_time(serve, receiver):
    secret = new_secret()
    server = serve("counter", env={VARIABLE: secret})
    receiver.answers = [503, 429, 500, 408, 520]
    server.predict({"count": 0}, id="again", webhook=receiver.url,
                   webhook_events_filter=["completed"])
    wait_until(lambda: len(receiver.of("again")) == 6, what="six deliveries")
    sent = receiver.deliveries()
    assert len({headers["webhook-id"] for headers, _ in sent}) == 1
    assert len({body for _, body in sent}) == 1 and problem_of(secret, *sent) == ""
    assert len({headers["webhook-timestamp"] for headers, _ in sent}) > 1


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422, 501])
def test_a_permanent_refusal_is_not_tried_again(echo, receiver, status):
    receiver.answers = [status]
    echo.predict({"text": "x"}, id=f"refused-{status}", webhook=receiver.url,
                 webhook_events_filter=["completed"])
    wait_until(lambda: f"status {status}; given up" in echo.log(), what="the line in the log")
    assert len(receiver.bodies) == 1


def test_no_secret_is_in_a_log_a_process_list_or_a_worker(serve, receiver):
    secret, token = new_secret(), "bearer-token-of-a-test"
    server = serve("counter", env={VARIABLE: secret, "WEBHOOK_AUTH_TOKEN": token,
                                   "COG_LOG_LEVEL": "debug"})
    url = receiver.url.replace("http://", "http://user:pass-word@") + "?token=in-the-query#there"
    receiver.answers = [404, 500]
    server.predict({"count": 0}, id="an-id-of-a-client", webhook=url,
                   webhook_events_filter=["completed"])
    wait_until(lambda: "given up" in server.log(), what="the line in the log")
    assert f"webhook {receiver.url}: status 404; given up" in server.log()
    for text in (secret, secret[6:], token, "in-the-query", "pass-word",
                 receiver.headers[0]["webhook-id"]):
        assert text not in server.log()
    assert receiver.headers[0]["authorization"] == f"Bearer {token}"
    [worker] = server.workers()
    inherited = pathlib.Path(f"/proc/{worker}/environ").read_text()
    assert secret not in inherited and token not in inherited and "TMPDIR=" in inherited


@pytest.mark.parametrize("text, problem", [
    ("hunter2", "secret 1 does not begin with whsec_"),
    ("whsec_aHVudGVyMg==", "secret 1 has 7 bytes: 24 to 64 are allowed"),
    ("", "no secret"), (None, "No such file or directory")])
def test_a_secret_that_cannot_be_used(tmp_path, text, problem):
    file = tmp_path / "secret"
    if text is not None:
        file.write_text(text)
    done = subprocess.run([BUILD / "bin/dream", "serve", "--webhook-secret-file", file],
                          capture_output=True, text=True)
    assert done.returncode == 2 and f"--webhook-secret-file {file}: {problem}" in done.stderr
    assert "hunter2" not in done.stderr and "aHVudGVyMg" not in done.stderr


def test_a_variable_that_cannot_be_used(monkeypatch):
    monkeypatch.setenv(VARIABLE, "hunter2")
    done = subprocess.run([BUILD / "bin/dream", "serve"], capture_output=True, text=True)
    assert done.returncode == 2 and f"{VARIABLE}: secret 1 does not begin" in done.stderr
    assert "hunter2" not in done.stderr


def example(language):
    page = (ROOT / "docs/http.md").read_text()
    return re.search(rf"```{language}\n(.*?)```", page, re.DOTALL)[1]


def judged_by_python(secret, headers, body, tmp_path):
    names = {}
    exec(example("python"), names)  # our own page
    try:
        names["verify"](secret, headers, body.encode())
    except ValueError as problem:
        return str(problem)
    return ""


def judged_by_node(secret, headers, body, tmp_path):
    script = tmp_path / "verify.mjs"
    script.write_text(example("js") + """
      const { secret, headers, body } = JSON.parse(process.argv[2]);
      try { verify(secret, headers, Buffer.from(body)); } catch (e) { console.log(e.message); }
    """)
    given = json.dumps({"secret": secret, "headers": headers, "body": body})
    return subprocess.run(["node", script, given], capture_output=True, text=True,
                          check=True).stdout.strip()


@pytest.mark.parametrize("judge", [judged_by_python, judged_by_node])
def test_the_examples_of_the_page(serve, receiver, tmp_path, judge):
    if judge is judged_by_node and shutil.which("node") is None:
        pytest.skip("needs node")
    old, new = new_secret(), new_secret()
    headers, body = counted(serve("counter", env={VARIABLE: f"{new}\n{old}"}), receiver)[-1]
    for secret in (old, new):
        assert judge(secret, headers, body, tmp_path) == ""
    assert judge(new_secret(), headers, body, tmp_path) == "not signed with this secret"
    assert judge(old, headers, body + " ", tmp_path) == "not signed with this secret"
    late = {**headers, "webhook-timestamp": str(int(time.time()) - 400)}
    assert judge(old, late, body, tmp_path) == "too old: it may be a replay"

"""Who may do what, and what is never told."""

import http.client
import os
import socket
import subprocess

import pytest
from harness import BUILD, free_port

from platforms import Platform


def test_tokens(tmp_path, trainer, template):
    with Platform(tmp_path / "data", trainer=trainer.url, template=template,
                  tokens="first-token,second-token") as platform:
        for header in ("Token first-token", "Bearer second-token", "token first-token",
                       "BEARER  second-token "):
            answer = platform.get("/v1/trainings", headers={"Authorization": header})
            assert answer.status == 200, header
        for header in ("", "Token", "Token ", "Token wrong-token", "Basic first-token",
                       "first-token", "Token first-token2", "Token first-toke"):
            answer = platform.get("/v1/trainings", headers={"Authorization": header})
            assert answer.status == 401, header
            assert answer.json == {
                "title": "Unauthenticated", "status": 401,
                "detail": "You did not pass a valid authentication token"}
        for method, path in (("POST", "/v1/upload/a.zip"), ("POST", "/v1/trainings"),
                             ("GET", "/v1/trainings/x"), ("POST", "/v1/trainings/x/cancel"),
                             ("POST", "/v1/trainings/x/retry"), ("GET", "/v1/predictions/x")):
            assert platform.request(method, path, headers={"Authorization": "Token no"}
                                    ).status == 401, path
        assert "first-token" not in platform.log()


def run(tmp_path, *args, env=None):
    return subprocess.run([BUILD / "bin/dream", "platform", "--data", tmp_path / "data", *args],
                          capture_output=True, text=True, timeout=60,
                          env={"PATH": "/usr/bin:/bin", **(env or {})})


@pytest.mark.parametrize("args,env,words", [
    (["--host", "0.0.0.0"], {}, "DREAM_API_TOKENS"),
    ([], {"DREAM_API_TOKENS": "short"}, "token 1 is not a token"),
    (["--token-file", "/nowhere"], {}, "/nowhere"),
    (["--runner", "gpu-box"], {}, "http or https URL"),
    (["--template", "vanilla"], {}, "NAME=IMAGE"),
    (["--alias", "xyz=vanilla"], {}, "8 to 64 digits"),
    ([], {"WEBHOOK_SIGNING_SECRET": "hunter2"}, "whsec_"),
])
def test_wrong_usage(tmp_path, args, env, words):
    done = run(tmp_path, *args, env=env)
    assert done.returncode == 2 and words in done.stderr, done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("address,words", [
    ("mysql://x", "neither sqlite:PATH nor"),
    ("postgres://user:hunter2@127.0.0.1:1/x", "cannot be reached"),
    ("sqlite:/proc/nowhere/x.sqlite", "/proc/nowhere"),
])
def test_databases_that_cannot_be_used(tmp_path, address, words):
    done = run(tmp_path, "--database", address, "--port", str(free_port()))
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert "hunter2" not in done.stderr


def test_says_that_there_are_no_tokens(platform):
    assert "there are no tokens (DREAM_API_TOKENS)" in platform.log()


def test_a_server_for_others_tells_no_private_address(tmp_path, trainer, template, receiver):
    with Platform(tmp_path / "data", trainer=trainer.url, template=template,
                  tokens="some-long-token", args=["--host", "0.0.0.0"]) as platform:
        identity = platform.create(input={"instance_prompt": "x"},
                                   webhook_completed=receiver.url)
        assert platform.wait_end(identity)["status"] == "succeeded"
        step = platform.step(identity, "webhook")
        while step["status"] == "running":
            step = platform.step(identity, "webhook")
        assert step["status"] == "failed" and "127.0.0.1" in step["error"], step
        assert receiver.bodies == []
        for field in ("weights",):
            bad = platform.create(**{field: receiver.url})
            ended = platform.wait_end(bad)
            assert ended["status"] == "failed" and ended["failed_step"] == "fetch", ended
            assert "127.0.0.1" in ended["error"]


def test_capabilities_serve_one_purpose(platform):
    serving = platform.upload(name="data.zip")
    capability = serving.split("/files/")[1].split("/")[0]
    for method, path in (("PUT", f"/uploads/{capability}/data.zip"),
                         ("PUT", f"/outputs/{capability}/data.zip"),
                         ("GET", f"/weights/{capability}/x"), ("GET", f"/streams/{capability}"),
                         ("POST", f"/callbacks/{capability}")):
        assert platform.request(method, path, "{}").status in (403, 404), path


def test_the_data_are_private(platform):
    for path in (platform.data / "platform.sqlite", platform.data / "blobs"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_body_that_stops_leaves_nothing(platform):
    urls = platform.post("/v1/upload/data.zip").json
    path = urls["upload_url"].split(str(platform.port), 1)[1]
    with socket.create_connection(("127.0.0.1", platform.port)) as client:
        client.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf"
                       .encode())
    answer = platform.get("/v1/trainings")  # the server lives
    assert answer.status == 200
    from harness import wait_until
    wait_until(lambda: not list((platform.data / "blobs/incoming").iterdir()))


def command_lines(parent):
    children = f"/proc/{parent}/task"
    for thread in os.listdir(children):
        for pid in open(f"{children}/{thread}/children").read().split():
            try:
                yield open(f"/proc/{pid}/cmdline", "rb").read().decode()
            except OSError:
                pass


def test_capabilities_are_in_no_command_line(tmp_path, template):
    env = {"DREAM_TEMPLATE_PATH": str(BUILD / "lib/dream/test_templates")}
    with Platform(tmp_path / "data", template=template, env=env,
                  args=["--trainer", "mine=template:returns_weights"]) as platform:
        identity = platform.create(trainer_version="mine", input={
            "instance_prompt": "x", "steps": 100_000, "instance_data": platform.upload()})
        platform.wait_status(identity, "processing")
        serving = [line for line in command_lines(platform.process.pid) if "serve" in line]
        assert serving and not [line for line in serving if identity in line or "/outputs/" in line]
        platform.post(f"/v1/trainings/{identity}/cancel")
        platform.wait_end(identity)


class Elsewhere(Platform):
    """A platform on another address of this machine."""

    def __init__(self, data, host, address, **options):
        self.address = address
        super().__init__(data, args=["--host", host, *options.pop("args", [])], **options)

    def connection(self, timeout=30):
        return http.client.HTTPConnection(self.address, self.port, timeout=timeout)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


@pytest.mark.parametrize("host, address, tokens", [
    ("::1", "::1", ""), ("::", "::1", "a-token-of-anna"), ("localhost", "localhost", ""),
    ("0.0.0.0", "127.0.0.1", "a-token-of-anna"), ("127.0.0.2", "127.0.0.2", "")])
def test_local_hosts_reach_the_platform_on_any_address(tmp_path, template, host, address, tokens):
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    env = {"DREAM_TEMPLATE_PATH": str(BUILD / "lib/dream/test_templates")}
    with Elsewhere(tmp_path / "data", host, address, template=template, env=env, tokens=tokens,
                   args=["--trainer", "mine=template:returns_weights", "--template",
                         f"files={template}"]) as platform:
        # Its output comes by an upload, its pictures by the trusted address.
        identity = platform.create(trainer_version="mine", template_version="files", input={
            "instance_prompt": "x", "instance_data": platform.upload()})
        training = platform.wait_end(identity)
        assert training["status"] == "succeeded", training
        made = platform.post("/v1/predictions", {
            "version": training["version"], "input": {"names": ["a.txt"], "content": "hello"}},
            headers={"Prefer": "wait"}, timeout=90).json
        assert made["status"] == "succeeded", made
        path = made["output"][0].split(f":{platform.port}", 1)[1]
        assert platform.get(path).text == "hello"

"""Blobs in an S3-compatible store: moto's server, which checks signatures and policies."""

import hashlib
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import BUILD, ROOT, free_port, wait_until

sys.path.append(str(ROOT / "tests/oci"))
from fault_proxy import (FaultProxy, Fault, answer, cut_answer, damage_answer,  # noqa: E402
                         drop, lose_answer)
from platforms import Platform  # noqa: E402


class Store:
    def __init__(self):
        self.process = subprocess.Popen(
            [ROOT / ".deps/s3/bin/python", pathlib.Path(__file__).with_name("s3_server.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.reached = json.loads(self.process.stdout.readline())
        self.port = int(self.reached["url"].rsplit(":", 1)[1])

    def ask(self, *command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def environment(self, user="platform"):
        key, secret = self.reached["users"][user]
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}

    def stop(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def store():
    server = Store()
    yield server
    server.stop()


@pytest.fixture
def proxy(store):
    """Between the platform and the store."""
    server = FaultProxy(store.port)
    yield server
    server.stop()


@pytest.fixture
def prefix(request):
    """Of this test's own."""
    return "of." + hashlib.sha256(request.node.name.encode()).hexdigest()[:12]


@pytest.fixture
def run(tmp_path, store, proxy, prefix, trainer, template):
    def start(name="data", port=None, args=(), user="platform", **options):
        address = (f"s3://models/{prefix}?endpoint=http://127.0.0.1:{port or proxy.server_port}"
                   "&region=eu-west-3&part_mib=5")
        return Platform(tmp_path / name, trainer=trainer.url, template=template,
                        args=["--blobs", address, *args], env=store.environment(user), **options)
    return start


def copies(platform):
    return [path for path in (platform.data / "blobs/sha256").rglob("*") if path.is_file()]


def forget_copies(platform):
    for path in copies(platform):
        path.unlink()


def fetch(platform, url):
    done = subprocess.run(["curl", "-sS", "-w", "%{http_code}", "-o", "-", url], timeout=60,
                          capture_output=True, check=True)
    return int(done.stdout[-3:]), done.stdout[:-3]


def stored(store, prefix):
    return {key.removeprefix(prefix + "/"): size for key, size in store.ask("objects").items()
            if key.startswith(prefix + "/")}


def unfinished(store, prefix):
    return [key for key in store.ask("uploads") if key.startswith((prefix, "others/"))]


def key_of(data):
    digest = hashlib.sha256(data).hexdigest()
    return f"sha256/{digest[:2]}/{digest}"


def test_a_training_with_its_files_in_a_store(run, store, prefix, cluster):
    database = cluster.new_database()
    with run(database=database) as platform:
        identity = platform.create()
        training = platform.wait_end(identity)
        assert training["status"] == "succeeded", training
        weights = fetch(platform, training["output"]["weights"])
        found = stored(store, prefix)
        assert found[key_of(weights[1])] == len(weights[1]) and len(found) == 2
        path = training["output"]["weights"].split(f":{platform.port}", 1)[1]
    with run("elsewhere", database=database) as other:  # another machine
        assert copies(other) == []
        assert fetch(other, f"http://127.0.0.1:{other.port}{path}") == weights
        assert len(copies(other)) == 1


DATA = random.Random(7).randbytes(12_500_000)  # three parts


def puts(proxy):
    return proxy.count("PUT", "partNumber=")


def test_large_files_go_up_in_parts(run, proxy, store, prefix):
    with run() as platform:
        url = platform.upload(DATA)
        assert stored(store, prefix) == {key_of(DATA): len(DATA)} and puts(proxy) == 3
        assert platform.upload(DATA, "again.zip") and puts(proxy) == 3, "it is there already"
        forget_copies(platform)
        assert fetch(platform, url) == (200, DATA)
    assert unfinished(store, prefix) == []


@pytest.mark.parametrize("name, fault", [
    ("503", Fault("PUT", "partNumber=2", answer(503), times=2)),
    ("drop", Fault("PUT", "partNumber=2", drop(after=100_000))),
    ("lost part", Fault("PUT", "partNumber=3", lose_answer)),
    ("lost begin", Fault("POST", "uploads=", lose_answer)),
    ("lost end", Fault("POST", "uploadId=", lose_answer)),
    ("slow down", Fault("HEAD", "sha256", answer(429))),
    ("timeout", Fault("PUT", "partNumber=1", answer(
        400, body=b"<Error><Code>RequestTimeout</Code><Message>slow</Message></Error>"))),
])
def test_uploads_over_a_bad_line(run, proxy, store, prefix, name, fault):
    with run() as platform:
        proxy.faults.append(fault)
        platform.upload(DATA)
        assert fault.hits > fault.times, "it was tried again"
        assert stored(store, prefix) == {key_of(DATA): len(DATA)}


def test_downloads_go_on_where_they_broke(run, proxy, prefix):
    with run() as platform:
        url = platform.upload(DATA)
        forget_copies(platform)
        proxy.faults.append(Fault("GET", "sha256", cut_answer(4_000_000), times=2))
        assert fetch(platform, url) == (200, DATA)
        ranges = [headers.get("Range") for method, path, headers in proxy.requests
                  if method == "GET" and "sha256" in path]
        assert ranges == [None, "bytes=4000000-", "bytes=8000000-"]


def test_a_damaged_blob_is_not_served(run, proxy, store, prefix):
    with run() as platform:
        url = platform.upload()
        forget_copies(platform)
        fault = Fault("GET", "sha256", damage_answer)
        proxy.faults.append(fault)
        assert fetch(platform, url)[0] == 503 and "is damaged" in platform.log()
        assert fetch(platform, url)[0] == 200 and fault.hits == 2
        forget_copies(platform)
        store.ask("delete", f"{prefix}/{next(iter(stored(store, prefix)))}")
        assert fetch(platform, url)[0] == 404


def test_an_upload_that_fails_leaves_nothing(run, proxy, store, prefix):
    with run() as platform:
        proxy.faults.append(Fault("PUT", "partNumber=2", answer(403, body=(
            b"<Error><Code>AccessDenied</Code><Message>not you</Message></Error>"))))
        urls = platform.post("/v1/upload/a.zip").json
        path = urls["upload_url"].split(f":{platform.port}", 1)[1]
        refused = platform.request("PUT", path, DATA)
        assert refused.status == 503 and refused.headers["retry-after"] == "5"
        assert "AccessDenied: not you (HTTP status 403)" in platform.log()
        assert stored(store, prefix) == {} and unfinished(store, prefix) == []
        assert fetch(platform, urls["serving_url"])[0] == 404, "nothing was uploaded"
        assert platform.request("PUT", path, DATA).status == 200


def begun_now(handler):
    """The list of uploads, all of them just begun; moto says 2010 of each."""
    status, headers, body = handler.ask_registry(handler.read_body())
    now = time.strftime("<Initiated>%Y-%m-%dT%H:%M:%S.000Z<", time.gmtime()).encode()
    handler.reply(status, headers, re.sub(b"<Initiated>[^<]*<", now, body))


def test_what_killed_processes_left_of_uploads_is_given_back(run, proxy, store, prefix):
    for key in (f"{prefix}/sha256/aa/left", "others/left"):
        store.ask("begin", key)
    proxy.faults.append(Fault("GET", "uploads=", begun_now))
    with run():
        assert len(unfinished(store, prefix)) == 2, "others may be at it"
    with run():
        assert unfinished(store, prefix) == ["others/left"]


def test_copies_that_nobody_uses_go(run, store, prefix):
    with run(args=["--blob-copies", "15MB"]) as platform:
        urls = [platform.upload(DATA[n:n + 6_000_000]) for n in (0, 1, 2)]
        kept = [path.stat().st_size for path in copies(platform)]
        assert kept == [6_000_000] * 2 and len(stored(store, prefix)) == 3
        assert fetch(platform, urls[0]) == (200, DATA[:6_000_000])
        assert len(copies(platform)) == 2


def test_what_nobody_needs_goes_from_the_store_and_from_every_copy(run, store, prefix, cluster):
    database = cluster.new_database()
    keep = ["--keep-files", "1s"]
    with run(database=database, args=keep) as platform:
        url = platform.upload(DATA[:1000])
        with run("elsewhere", database=database, args=["--keep-files", "forever"]) as other:
            path = url.split(f":{platform.port}", 1)[1]
            assert fetch(other, f"http://127.0.0.1:{other.port}{path}")[0] == 200
        assert len(copies(other)) == 1
        wait_until(lambda: stored(store, prefix) == {}, 20, "an empty store")
        wait_until(lambda: copies(platform) == [], 5, "no copy")
    for path in copies(other):
        os.utime(path, (time.time() - 7200,) * 2)
    with run("elsewhere", database=database, args=keep) as other:
        wait_until(lambda: copies(other) == [], 20, "no copy on the other machine")


def test_a_store_that_does_not_remove_is_asked_again(run, store, proxy, prefix):
    with run(args=["--keep-files", "1s"]) as platform:
        fault = Fault("DELETE", "sha256", answer(503), times=2)
        proxy.faults.append(fault)
        platform.upload(DATA[:1000])
        wait_until(lambda: stored(store, prefix) == {}, 20, "an empty store")
        assert fault.hits > 2 and "removing a blob" in platform.log()
        assert platform.upload(DATA[:1000]) and len(stored(store, prefix)) == 1


def test_the_store_is_away(run, store, proxy):
    with run() as platform:
        url = platform.upload()
        forget_copies(platform)
        proxy.faults.append(Fault("GET", "sha256", drop(), times=99))
        begun = time.monotonic()
        assert fetch(platform, url)[0] == 503
        assert 2 < time.monotonic() - begun < 30
        assert platform.get("/v1/trainings").status == 200


def late(handler):
    """The answer of the store, after three seconds."""
    body = handler.read_body()
    time.sleep(3)
    handler.reply(*handler.ask_registry(body))


def test_a_slow_store_does_not_hold_the_rest(run, proxy):
    with run() as platform:
        url = platform.upload()
        forget_copies(platform)
        proxy.faults.append(Fault("GET", "sha256", late, times=99))
        with ThreadPoolExecutor(12) as clients:
            fetching = [clients.submit(fetch, platform, url) for _ in range(12)]
            wait_until(lambda: proxy.count("GET", "sha256") > 4, 10, "downloads on their way")
            begun = time.monotonic()
            assert platform.get("/v1/trainings").status == 200
            assert time.monotonic() - begun < 2 and not any(done.done() for done in fetching)
            assert {done.result()[0] for done in fetching} == {200}


def test_trainers_that_it_starts_do_not_see_the_secret(tmp_path, store, prefix, template):
    address = f"s3://models/{prefix}?endpoint={store.reached['url']}&region=eu-west-3"
    env = store.environment() | {"DREAM_TEMPLATE_PATH": str(BUILD / "lib/dream/test_templates")}
    with Platform(tmp_path / "data", template=template, env=env, args=[
            "--blobs", address, "--trainer", "mine=template:returns_weights"]) as platform:
        identity = platform.create(trainer_version="mine", input={
            "instance_prompt": "x", "steps": 100_000, "instance_data": platform.upload()})
        platform.wait_status(identity, "processing")
        child = subprocess.run(["pgrep", "-P", str(platform.process.pid), "-f", "dream serve"],
                               text=True, capture_output=True, check=True).stdout.split()[0]
        seen = pathlib.Path(f"/proc/{child}/environ").read_text()
        assert "DREAM_TEMPLATE_PATH=" in seen and "AWS_SECRET_ACCESS_KEY" not in seen
        platform.post(f"/v1/trainings/{identity}/cancel")
        assert platform.wait_end(identity)["status"] == "canceled"


def start(tmp_path, address, env):
    return subprocess.run([BUILD / "bin/dream", "platform", "--data", tmp_path / "data", "--port",
                           str(free_port()), "--blobs", address], text=True, timeout=60,
                          capture_output=True, env={"PATH": "/usr/bin:/bin", **env})


def test_logins_and_buckets_that_are_refused(tmp_path, store):
    at = f"?endpoint={store.reached['url']}&region=eu-west-3"
    good = store.environment()
    for address, env, words in (
            (f"s3://models{at}", good | {"AWS_SECRET_ACCESS_KEY": "hunter2"},
             "s3://models: the bucket: SignatureDoesNotMatch"),
            (f"s3://models{at}", good | {"AWS_ACCESS_KEY_ID": "AKIANOBODY"}, "InvalidAccessKeyId"),
            (f"s3://models{at}", store.environment("stranger"), "AccessDenied"),
            (f"s3://missing{at}", good, "s3://missing: the bucket: NoSuchBucket")):
        done = start(tmp_path, address, env)
        assert done.returncode == 1 and words in done.stderr, done.stderr
        assert "hunter2" not in done.stderr and good["AWS_SECRET_ACCESS_KEY"] not in done.stderr


@pytest.mark.parametrize("address, words", [
    ("models", "expected s3://BUCKET/PREFIX"),
    ("s3://M", "'M' is no name of a bucket: 3 to 63 of a-z, 0-9, '.' and '-'"),
    ("s3://models/../x", "'..' in the prefix"),
    ("s3://models/a b", "'a b' in the prefix: use letters, digits"),
    ("s3://models?endpoint=localhost:9000", "endpoint 'localhost:9000' is not http://HOST"),
    ("s3://models?endpoint=http://u:hunter2@x/", "endpoint '…' is not http://HOST[:PORT]"),
    ("s3://models?region=Paris", "region 'Paris' is no region"),
    ("s3://models?part_mib=4", "part_mib '4' is not a number from 5 to 1024"),
    ("s3://models?secret=hunter2", "unknown parameter 'secret': known are endpoint, region and"),
    ("s3://models", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
])
def test_addresses_that_cannot_be(tmp_path, address, words):
    done = start(tmp_path, address, {})
    assert done.returncode == 2 and words in done.stderr, done.stderr
    assert "hunter2" not in done.stderr

"""The Replicate API on hosts of this machine: templates of the tests serve what trainings made."""

import base64
import hashlib
import hmac
import json
import os
import signal
import sqlite3
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import BUILD, wait_until

from images import PIXEL, make_weights
from platforms import Platform
from test_dreambooth_api import events_of

TEMPLATES = ("files", "pieces", "sleeper", "texts")
ENVIRONMENT = {"DREAM_TEMPLATE_PATH": str(BUILD / "lib/dream/test_templates"),
               "COG_THROTTLE_RESPONSE_INTERVAL": "0"}


class Versions(Platform):
    """A platform with a version of each test template."""

    def __init__(self, data, trainer, template, args=(), **options):
        named = [word for name in TEMPLATES for word in ("--template", f"{name}={template}")]
        super().__init__(data, trainer=trainer.url, template=template,
                         args=[*named, *args], env=ENVIRONMENT, **options)
        self.versions = {}

    def version(self, name):
        if name not in self.versions:
            # Weights of its own: equal ones would be one version of all templates.
            weights = self.upload(make_weights(name), "output.zip")
            identity = self.create(model=f"anna/{name}", template_version=name, weights=weights)
            self.versions[name] = self.wait_end(identity)["version"]
        return self.versions[name]

    def predict(self, name, inputs, wait=True, headers=None, **fields):
        headers = {**({"Prefer": "wait"} if wait else {}), **(headers or {})}
        return self.post("/v1/predictions",
                         {"version": self.version(name), "input": inputs, **fields},
                         headers=headers, timeout=90)

    def prediction(self, identity):
        return self.get(f"/v1/predictions/{identity}").json

    def wait_prediction(self, identity, *statuses, limit_s=60):
        def reached():
            prediction = self.prediction(identity)
            return prediction if prediction["status"] in statuses else None
        return wait_until(reached, limit_s, f"the status {' or '.join(statuses)}")

    def hosts(self):
        """The processes that serve versions."""
        children = f"/proc/{self.process.pid}/task"
        found = []
        for thread in os.listdir(children):
            try:
                pids = open(f"{children}/{thread}/children").read().split()
                found += [int(pid) for pid in pids
                          if b"serve" in open(f"/proc/{pid}/cmdline", "rb").read()]
            except OSError:
                pass
        return found


@pytest.fixture(scope="module")
def versions(tmp_path_factory, template):
    from trainer import Trainer
    with Trainer() as trainer, Versions(tmp_path_factory.mktemp("replicate"), trainer,
                                        template, args=["--hosts", "4"]) as running:
        yield running


def test_a_prediction_by_version(versions):
    answer = versions.predict("texts", {"values": ["a", "b"]})
    assert answer.status == 201, answer.text
    made = answer.json
    assert made["status"] == "succeeded" and made["output"] == ["a", "b"], made
    assert made["version"] == versions.version("texts") and made["model"] == "anna/texts"
    assert made["error"] is None and made["input"] == {"values": ["a", "b"]}
    assert made["source"] == "api" and made["data_removed"] is False
    assert made["metrics"]["predict_time"] >= 0 and made["metrics"]["total_time"] > 0
    assert set(made["urls"]) == {"get", "cancel", "web", "stream"}
    assert versions.prediction(made["id"]) == made
    assert answer.headers["preference-applied"] == "wait=60"


@pytest.mark.parametrize("name", ["anna/texts", "anna/texts:{}"])
def test_other_names_of_a_version(versions, name):
    version = versions.version("texts")
    answer = versions.post("/v1/predictions", {"version": name.format(version), "input": {}},
                           headers={"Prefer": "wait"}, timeout=90)
    assert answer.json["status"] == "succeeded" and answer.json["version"] == version, answer.text
    answer = versions.post("/v1/models/anna/texts/predictions", {"input": {"values": ["x"]}},
                           headers={"Prefer": "wait=60"}, timeout=90)
    assert answer.json["output"] == ["x"], answer.text


def test_no_waiting(versions):
    answer = versions.predict("sleeper", {"seconds": 1}, wait=False)
    assert answer.status == 201 and answer.json["status"] == "starting"
    assert answer.json["output"] is None and "preference-applied" not in answer.headers
    assert versions.wait_prediction(answer.json["id"], "succeeded")["completed_at"]


def test_who_waited_too_little_reads_starting(versions):
    versions.predict("sleeper", {"seconds": 0})  # its host is ready
    answer = versions.predict("sleeper", {"seconds": 3}, headers={"Prefer": "wait=1"})
    assert answer.status == 201 and answer.json["status"] == "starting"
    assert versions.wait_prediction(answer.json["id"], "succeeded")


def test_a_database_that_is_away_ends_no_waiting(tmp_path, trainer, template):
    with Versions(tmp_path / "data", trainer, template) as platform:
        platform.predict("sleeper", {"seconds": 0})  # its host is ready
        table = sqlite3.connect(tmp_path / "data/platform.sqlite", timeout=10,
                                isolation_level=None)

        def waits(seconds, limit_s):
            """What a client reads that waits while no prediction can be read for a second."""
            with ThreadPoolExecutor() as threads:
                answer = threads.submit(platform.predict, "sleeper", {"seconds": seconds},
                                        headers={"Prefer": f"wait={limit_s}"})
                wait_until(lambda: platform.get("/v1/predictions").json["results"][0]["status"]
                           == "processing", 20, "the run")
                table.execute("ALTER TABLE predictions RENAME TO away")
                time.sleep(1.5)
                table.execute("ALTER TABLE away RENAME TO predictions")
                return answer.result()

        answer = waits(3, 60)
        assert (answer.status, answer.json["status"]) == (201, "succeeded"), answer.text
        answer = waits(3, 1)
        assert (answer.status, answer.json["status"]) == (201, "starting"), answer.text
        assert platform.wait_prediction(answer.json["id"], "succeeded", "failed")["output"]
        table.close()


def test_failures(versions):
    answer = versions.predict("texts", {"values": ["a"], "fail": True})
    assert answer.json["status"] == "failed" and "failed at the end" in answer.json["error"]
    answer = versions.predict("texts", {"values": "no list"})
    if answer.status == 201:  # before its host has told what its inputs are
        assert answer.json["status"] == "failed" and "values" in answer.json["error"]
    answer = versions.predict("texts", {"values": "no list"})
    assert answer.status == 422 and "values" in answer.json["detail"]


def test_output_files(versions):
    made = versions.predict("files", {"names": ["a.txt", "b.txt"], "content": "hello"}).json
    assert made["status"] == "succeeded", made
    base = f"http://127.0.0.1:{versions.port}/files/"
    assert all(url.startswith(base) for url in made["output"]), made
    assert made["output"][0].endswith("a.txt")

    def fetch(headers):
        request = urllib.request.Request(made["output"][0], headers=headers)  # no login
        try:
            with urllib.request.urlopen(request) as reply:
                return reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    status, headers, body = fetch({})
    assert (status, body) == (200, b"hello") and headers["Accept-Ranges"] == "bytes"
    etag = headers["ETag"]
    for value, content, shown in (("bytes=1-2", b"el", "bytes 1-2/5"),
                                  ("bytes=3-", b"lo", "bytes 3-4/5"),
                                  ("bytes=-1", b"o", "bytes 4-4/5"),
                                  ("bytes=0-99", b"hello", "bytes 0-4/5")):
        status, headers, body = fetch({"Range": value})
        assert (status, body, headers["Content-Range"]) == (206, content, shown)
    assert fetch({"Range": "bytes=5-"})[0] == 416
    assert fetch({"Range": "bytes=0-1,3-4"})[::2] == (200, b"hello")
    assert fetch({"Range": "bytes=0-1", "If-Range": '"other"'})[::2] == (200, b"hello")
    assert fetch({"If-None-Match": etag})[0] == 304


def test_cancel(versions):
    running = versions.predict("sleeper", {"seconds": 60}, wait=False).json["id"]
    versions.wait_prediction(running, "processing")
    waiting = versions.predict("sleeper", {"seconds": 60}, wait=False).json["id"]
    answer = versions.post(f"/v1/predictions/{waiting}/cancel")
    assert answer.status == 200 and answer.json["status"] == "canceled"
    assert versions.post(f"/v1/predictions/{running}/cancel").status == 200
    ended = versions.wait_prediction(running, "canceled", "failed", "succeeded", limit_s=15)
    assert ended["status"] == "canceled" and ended["completed_at"]
    # The host goes on.
    assert versions.predict("sleeper", {"seconds": 0}).json["status"] == "succeeded"


def test_cancel_after(versions):
    answer = versions.predict("sleeper", {"seconds": 60}, wait=False,
                              headers={"Cancel-After": "1s"})
    assert answer.json["deadline"] > answer.json["created_at"]
    assert versions.wait_prediction(answer.json["id"], "canceled", limit_s=20)
    for text in ("soon", "0", "-1s"):
        answer = versions.predict("sleeper", {}, headers={"Cancel-After": text})
        assert answer.status == 422 and "Cancel-After" in answer.json["detail"]


def test_streams(versions):
    made = versions.predict("pieces", {"values": ["one\n", "two"], "seconds": 0.5}, wait=False,
                            stream=True).json
    events = events_of(made["urls"]["stream"])
    assert [data for name, _, data in events if name == "output"] == ["one\n", "two"]
    assert events[-1][0] == "done" and events[-1][2] == "{}"
    again = events_of(made["urls"]["stream"], events[-1][1])
    assert [name for name, _, _ in again] == ["done"]
    failed = versions.predict("pieces", {"fail_after": 1}).json
    events = events_of(failed["urls"]["stream"])
    assert json.loads(events[-1][2]) == {"reason": "error"} and events[-2][0] == "error"
    assert "exploded" in json.loads(events[-2][2])["detail"]


def test_webhooks_and_their_secret(versions, receiver):
    key = versions.get("/v1/webhooks/default/secret").json["key"]
    assert key.startswith("whsec_") and key.count("_") == 1
    made = versions.predict("pieces", {}, webhook=receiver.url + "?a=b",
                            webhook_events_filter=["start", "completed"]).json
    told = receiver.terminal(made["id"])
    assert told == versions.prediction(made["id"])
    mine = [(h, b) for h, b in receiver.deliveries() if json.loads(b)["id"] == made["id"]]
    assert [json.loads(b)["status"] for _, b in mine] == ["processing", "succeeded"]
    headers, body = mine[-1]
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body.encode()
    secret = base64.b64decode(key.split("_")[1])
    own = "v1," + base64.b64encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()
    assert own in headers["webhook-signature"].split(" ")


def test_idempotency(versions):
    key = {"Idempotency-Key": "the same"}
    first = versions.predict("texts", {"values": ["a"]}, wait=False, headers=key)
    again = versions.predict("texts", {"values": ["a"]}, wait=False, headers=key)
    assert first.json["id"] == again.json["id"]
    other = versions.predict("texts", {"values": ["b"]}, headers=key)
    assert other.status == 422 and "Idempotency-Key" in other.text


def test_pages_of_predictions(versions):
    mine = [versions.predict("texts", {}, wait=False).json["id"] for _ in range(101)]
    page = versions.get("/v1/predictions").json
    assert [p["id"] for p in page["results"]] == mine[:0:-1] and page["previous"] is None
    rest = versions.get(page["next"].split(str(versions.port), 1)[1]).json
    assert rest["results"][0]["id"] == mine[0] and rest["previous"]
    middle = versions.prediction(mine[50])["created_at"]
    later = versions.get("/v1/predictions?created_after=" + urllib.parse.quote(middle)).json
    assert [p["id"] for p in later["results"]] == mine[:49:-1]
    versions.wait_prediction(mine[-1], "succeeded")


def test_a_crashed_host_is_one_failed_prediction(versions):
    versions.predict("pieces", {})
    made = versions.predict("pieces", {"seconds": 60}, wait=False).json["id"]
    versions.wait_prediction(made, "processing")
    for host in versions.hosts():
        if b"pieces" in open(f"/proc/{host}/cmdline", "rb").read():
            os.kill(host, signal.SIGKILL)
    ended = versions.wait_prediction(made, "failed", limit_s=20)
    assert "SIGKILL" in ended["error"]
    assert versions.predict("pieces", {}).json["output"] == "foobarbaz" or \
        versions.predict("pieces", {}).json["output"] == ["foo", "bar", "baz"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_ran_goes_on_after_the_platform(tmp_path, trainer, template, database, number):
    with Versions(tmp_path / "data", trainer, template, database=database) as platform:
        running = platform.predict("sleeper", {"seconds": 2}, wait=False).json["id"]
        platform.wait_prediction(running, "processing")
        waiting = platform.predict("sleeper", {"seconds": 0}, wait=False).json["id"]
        platform.end(number)
        platform.start()
        assert platform.wait_prediction(running, "succeeded", "failed")["status"] == "succeeded"
        assert platform.wait_prediction(waiting, "succeeded", "failed")["status"] == "succeeded"


def test_a_stall_of_the_platform_loses_nothing(tmp_path, trainer, template):
    with Versions(tmp_path / "data", trainer, template) as platform:
        platform.predict("sleeper", {"seconds": 0})
        running = platform.predict("sleeper", {"seconds": 5}, wait=False).json["id"]
        started = platform.wait_prediction(running, "processing")["started_at"]
        os.kill(platform.process.pid, signal.SIGSTOP)
        time.sleep(2.5)  # longer than the lease
        os.kill(platform.process.pid, signal.SIGCONT)
        ended = platform.wait_prediction(running, "succeeded", "failed")
        assert ended["status"] == "succeeded" and ended["started_at"] == started


def test_hosts_end_when_idle_and_make_room(tmp_path, trainer, template):
    args = ["--hosts", "1", "--host-idle", "1"]
    with Versions(tmp_path / "data", trainer, template, args=args) as platform:
        for name in ("texts", "pieces"):  # one makes room for the other
            assert platform.predict(name, {}).json["status"] == "succeeded"
            assert len(platform.hosts()) == 1
        wait_until(lambda: not platform.hosts(), 20, "the end of the host")


def test_models(versions):
    model = {"owner": "anna", "name": "made", "visibility": "private", "hardware": "cpu",
             "description": "A Curious one"}
    made = versions.post("/v1/models", model)
    assert made.status == 201, made.text
    assert made.json["latest_version"] is None and made.json["run_count"] == 0
    assert versions.post("/v1/models", model).status == 409
    assert versions.get("/v1/models/anna/made").json == made.json
    for text in ("curious", json.dumps("CURIOUS")):
        found = versions.request("QUERY", "/v1/models", text,
                                 headers={"Content-Type": "text/plain"})
        assert [m["name"] for m in found.json["results"]] == ["made"]
    assert versions.request("QUERY", "/v1/models", "100%").json["results"] == []
    search = versions.get("/v1/search?query=curious").json
    assert search["query"] == "curious" and search["models"][0]["model"]["name"] == "made"
    changed = versions.request("PATCH", "/v1/models/anna/made",
                               {"readme": "# Hello", "github_url": "https://github.com/a/b"})
    assert changed.json["github_url"] == "https://github.com/a/b"
    assert versions.get("/v1/models/anna/made/readme").text == "# Hello"
    assert versions.request("DELETE", "/v1/models/anna/made").status == 204
    assert versions.get("/v1/models/anna/made").status == 404


def test_versions(versions):
    version = versions.version("texts")
    versions.predict("texts", {})
    page = versions.get("/v1/models/anna/texts/versions").json
    assert [v["id"] for v in page["results"]] == [version]
    one = versions.get(f"/v1/models/anna/texts/versions/{version}").json
    # What its host has told of itself.
    assert one["openapi_schema"]["components"]["schemas"]["Output"]["type"] == "array"
    assert one["cog_version"] == "0.7.0"
    model = versions.get("/v1/models/anna/texts").json
    assert model["latest_version"] == one and model["run_count"] > 0
    assert any(m["name"] == "texts" for m in versions.get("/v1/models").json["results"])
    assert versions.request("DELETE", "/v1/models/anna/texts").status == 409
    weights = versions.upload(make_weights("gone"), "output.zip")
    gone = versions.wait_end(versions.create(model="anna/gone", weights=weights))["version"]
    assert versions.request("DELETE", f"/v1/models/anna/gone/versions/{gone}").status == 204
    answer = versions.post("/v1/predictions", {"version": gone, "input": {}})
    assert answer.status == 422 and "version" in answer.json["detail"]


def test_deployments(versions):
    version = versions.version("sleeper")
    body = {"name": "fast", "model": "anna/sleeper", "version": version, "hardware": "cpu",
            "min_instances": 1, "max_instances": 2}
    made = versions.post("/v1/deployments", body)
    assert made.status == 201, made.text
    release = made.json["current_release"]
    assert release["number"] == 1 and release["version"] == version
    assert release["configuration"] == {"hardware": "cpu", "min_instances": 1, "max_instances": 2}
    owner = made.json["owner"]
    path = f"/v1/deployments/{owner}/fast"
    wait_until(lambda: any(b"sleeper" in open(f"/proc/{pid}/cmdline", "rb").read()
                           for pid in versions.hosts()), 20, "its host")

    def overlap():
        """Whether two predictions ran at a time: on two hosts, once the second is ready."""
        both = [versions.post(path + "/predictions", {"input": {"seconds": 0.5}}).json["id"]
                for _ in range(2)]
        ended = [versions.wait_prediction(each, "succeeded") for each in both]
        return max(p["started_at"] for p in ended) < min(p["completed_at"] for p in ended)

    wait_until(overlap, 60, "two at a time")
    changed = versions.request("PATCH", path, {"max_instances": 1, "min_instances": 0})
    assert changed.json["current_release"]["number"] == 2
    assert [d["name"] for d in versions.get("/v1/deployments").json["results"]] == ["fast"]
    refused = versions.request("PATCH", path, {"min_instances": 9, "max_instances": 9})
    assert refused.status == 422 and "min_instances" in refused.json["detail"]
    in_use = versions.request("DELETE", f"/v1/models/anna/sleeper/versions/{version}")
    assert in_use.status == 409
    assert versions.request("DELETE", path).status == 204 and versions.get(path).status == 404


def form_with_pixel(metadata):
    """The body and headers of a form; its last part is of no use."""
    boundary = "frontier"
    parts = [('name="content"; filename="my pixel.png"', "image/png", PIXEL),
             ('name="metadata"; filename="blob"', "application/json",
              json.dumps(metadata).encode()),
             ('name="other"', "text/plain", b"x" * 100_000)]
    body = b"".join(f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n"
                    f"Content-Type: {kind}\r\n\r\n".encode() + data + b"\r\n"
                    for head, kind, data in parts) + f"--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def signed_download(platform, file, expiry):
    """The status and the bytes for whoever has the URL that the owner signed."""
    secret = platform.get("/v1/webhooks/default/secret").json["key"]
    owner = platform.get("/v1/account").json["username"]
    text = f"{owner} {file['id']} {expiry}".encode()
    signature = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest())
    query = urllib.parse.urlencode({"owner": owner, "expiry": expiry, "signature": signature})
    url = f"http://127.0.0.1:{platform.port}/v1/files/{file['id']}/download?{query}"
    try:
        with urllib.request.urlopen(url) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_changes_of_a_deployment_reach_its_hosts(versions):
    body = {"name": "moved", "model": "anna/pieces", "version": versions.version("pieces"),
            "hardware": "cpu", "min_instances": 0, "max_instances": 1}
    owner = versions.post("/v1/deployments", body).json["owner"]
    path = f"/v1/deployments/{owner}/moved"

    def devices():
        commands = [open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
                    for pid in versions.hosts()]
        return sorted(b"--device" in words for words in commands if b"pieces" in words)

    def runs():
        return versions.post(path + "/predictions", {"input": {}}, timeout=90,
                             headers={"Prefer": "wait"})

    assert runs().json["status"] == "succeeded" and True in devices()
    versions.request("PATCH", path, {"hardware": "gpu"})
    wait_until(lambda: True not in devices(), 20, "the end of the host on the CPU")
    assert runs().json["status"] == "succeeded" and True not in devices()
    count = len(devices())
    assert versions.request("PATCH", path, {"max_instances": 0}).status == 200
    wait_until(lambda: len(devices()) < count, 20, "the end of all its hosts")
    refused = runs()
    assert refused.status == 422 and "max_instances is 0" in refused.json["detail"]
    versions.request("PATCH", path, {"max_instances": 1})
    assert runs().json["status"] == "succeeded"
    assert versions.request("DELETE", path).status == 204


def test_files(versions):
    metadata = {"a": 1}
    body, kind = form_with_pixel(metadata)
    made = versions.post("/v1/files", body, headers=kind)
    assert made.status == 201, made.text
    file = made.json
    assert (file["name"], file["content_type"], file["size"], file["metadata"]) == \
        ("my_pixel.png", "image/png", len(PIXEL), metadata)
    assert file["checksums"]["sha256"] == hashlib.sha256(PIXEL).hexdigest()
    assert versions.get(f"/v1/files/{file['id']}").json == file
    assert file in versions.get("/v1/files").json["results"]
    # As an input its host can fetch it, although the client's URL needs a login.
    used = versions.predict("texts", {"values": [file["urls"]["get"]]}).json
    assert used["input"]["values"] == [file["urls"]["get"]]
    with urllib.request.urlopen(used["output"][0]) as reply:
        assert reply.read() == PIXEL
    assert signed_download(versions, file, int(time.time()) + 60) == (200, PIXEL)
    assert signed_download(versions, file, int(time.time()) - 60)[0] == 403
    assert versions.request("DELETE", f"/v1/files/{file['id']}").status == 204
    assert versions.get(f"/v1/files/{file['id']}").status == 404
    for bad, headers, status in ((b"{}", {"Content-Type": "application/json"}, 415),
                                 (body[:-20], kind, 422), (b"--frontier--\r\n", kind, 422)):
        assert versions.post("/v1/files", bad, headers=headers).status == status


def test_a_search_has_a_length(versions):
    for answer in (versions.get("/v1/search?query=" + "x" * 1025),
                   versions.request("QUERY", "/v1/models", "[" * 1_000_000)):
        assert answer.status == 422 and "at most 1024" in answer.json["detail"]


def test_account_and_the_rest(versions):
    assert versions.get("/v1/account").json["type"] == "user"
    assert {"name": "CPU", "sku": "cpu"} in versions.get("/v1/hardware").json
    versions.version("texts")
    slugs = [c["slug"] for c in versions.get("/v1/collections").json["results"]]
    assert "texts" in slugs
    models = versions.get("/v1/collections/texts").json["models"]
    assert [m["name"] for m in models] == ["texts"]
    assert versions.get("/v1/collections/none").status == 404


def test_an_official_training(versions):
    body = {"destination": "anna/target", "input": {"instance_prompt": "a photo of cjw"}}
    trainer = "cd3f925f7ab21afaef7d45224790eedbb837eeac40d22e8fefe015489ab644aa"
    path = f"/v1/models/replicate/dreambooth/versions/{trainer}/trainings"
    missing = versions.post(path, body)
    assert missing.status == 404 and "destination does not exist" in missing.json["detail"]
    versions.post("/v1/models", {"owner": "anna", "name": "target", "visibility": "private",
                                 "hardware": "cpu"})
    made = versions.post(path, body)
    assert made.status == 201, made.text
    training = made.json
    assert training["status"] == "starting" and training["version"] == trainer
    seen = set()

    def ended():
        now = versions.get(f"/v1/trainings/{training['id']}").json
        seen.add(now["status"])
        return now if now["status"] in ("succeeded", "failed") else None

    now = wait_until(ended, 60, "the end")
    assert seen <= {"starting", "processing", "succeeded"}, now
    assert now["output"]["version"].startswith("anna/target:") and now["version"] == trainer
    other = versions.post("/v1/models/x/y/versions/" + "0" * 64 + "/trainings", body)
    assert other.status == 404


def test_two_accounts(tmp_path, trainer, template):
    with Versions(tmp_path / "data", trainer, template,
                  tokens="anna=annas-token ben=bens-token") as platform:
        ben = {"Authorization": "Bearer bens-token"}
        made = platform.predict("texts", {"values": ["secret"]}).json
        for method, path in (("GET", f"/v1/predictions/{made['id']}"),
                             ("POST", f"/v1/predictions/{made['id']}/cancel"),
                             ("GET", "/v1/models/anna/texts"),
                             ("GET", "/v1/models/anna/texts/versions"),
                             ("POST", "/v1/models/anna/texts/predictions"),
                             ("DELETE", "/v1/models/anna/texts")):
            assert platform.request(method, path, headers=ben).status == 404, path
        assert platform.get("/v1/predictions", headers=ben).json["results"] == []
        body = {"version": made["version"], "input": {}}
        assert platform.post("/v1/predictions", body, headers=ben).status == 422
        assert platform.get("/v1/account", headers=ben).json["username"] == "ben"
        keys = [platform.get("/v1/webhooks/default/secret", headers=h).json["key"]
                for h in (ben, {})]
        assert keys[0] != keys[1]
        platform.request("PATCH", "/v1/models/anna/texts", {"visibility": "public"})
        theirs = platform.post("/v1/predictions", body, headers={**ben, "Prefer": "wait"},
                               timeout=90)
        assert theirs.json["status"] == "succeeded"
        assert platform.request("PATCH", "/v1/models/anna/texts", {}, headers=ben).status == 403
        nobody = platform.get("/v1/predictions", headers={"Authorization": "Bearer wrong-token"})
        assert nobody.status == 401 and nobody.json["title"] == "Unauthenticated"
        body, kind = form_with_pixel({})
        file = platform.post("/v1/files", body, headers=kind).json
        assert signed_download(platform, file, int(time.time()) + 60) == (200, PIXEL)


def test_rate_limits(tmp_path, trainer, template):
    args = ["--prediction-rate", "2", "--request-rate", "300"]
    with Versions(tmp_path / "data", trainer, template, args=args,
                  tokens="anna=annas-token ben=bens-token") as platform:
        body = {"version": "0" * 64, "input": {}}
        answers = [platform.post("/v1/predictions", body) for _ in range(3)]
        assert [a.status for a in answers] == [422, 422, 429]
        last = answers[-1]
        assert last.headers["content-type"] == "application/problem+json"
        assert int(last.headers["retry-after"]) == int(last.headers["ratelimit-reset"]) > 0
        assert last.headers["ratelimit-remaining"] == "0" and "throttled" in last.json["detail"]
        ben = {"Authorization": "Bearer bens-token"}
        assert platform.post("/v1/predictions", body, headers=ben).status == 422
        assert 0 < int(platform.get("/v1/account").headers["ratelimit-remaining"]) < 300


BAD = [({}, 422, "version"), ({"version": "x"}, 422, "version"), ({"version": 7}, 422, "version"),
       ({"version": "a/b"}, 422, "version"), ({"version": "0" * 64}, 422, "version"),
       ({"version": "V", "input": []}, 422, "input"),
       ({"version": "V", "input": "x"}, 422, "input"),
       ({"version": "V", "webhook": "ftp://x"}, 422, "webhook"),
       ({"version": "V", "webhook": 7}, 422, "webhook"),
       ({"version": "V", "webhook": "http://x", "webhook_events_filter": "start"}, 422,
        "webhook_events_filter"),
       ({"version": "V", "webhook": "http://x", "webhook_events_filter": ["end"]}, 422,
        "webhook_events_filter")]


@pytest.mark.parametrize("body,status,field", BAD)
def test_bad_predictions(versions, body, status, field):
    before = versions.get("/v1/predictions").json["results"]
    body = {k: versions.version("texts") if v == "V" else v for k, v in body.items()}
    answer = versions.post("/v1/predictions", body)
    assert answer.status == status and field in answer.json["detail"], answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert versions.get("/v1/predictions").json["results"] == before

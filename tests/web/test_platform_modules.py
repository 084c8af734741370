"""The platform page as files, and its modules that are pure functions."""

import io
import posixpath
import re
import zipfile
import zlib

import pytest

from platform_page import BarTrainer, start_platform
from test_page_files import HEADERS, raw


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with BarTrainer() as trainer:
        folder = tmp_path_factory.mktemp("platform")
        with start_platform(folder, trainer, tokens="") as running:
            yield running.port


@pytest.fixture(scope="module")
def page(browser, port):
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    yield page
    page.close()


@pytest.fixture(scope="module")
def call(page):
    def run(module, function, *arguments):
        return page.evaluate("""async ([module, name, values]) =>
            (await import(`/ui/platform/${module}.js`))[name](...values)""",
                             [module, function, list(arguments)])
    return run


def test_the_page_and_its_files(port):
    status, headers, body = raw(port, "/", {"Accept-Encoding": "identity"})
    assert status == 200 and headers["content-type"] == "text/html; charset=utf-8"
    text = body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:|https?:",
                         text)
    wanted, seen = re.findall(r'(?:src|href)="(ui/[^"#]+)"', text), set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        status, headers, body = raw(port, f"/{name}")
        assert status == 200 and HEADERS.items() <= headers.items(), name
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy, name
        if name.endswith(".js"):
            wanted += [posixpath.normpath(posixpath.join(posixpath.dirname(name), other))
                       for other in re.findall(r'from "(\.[^"]+)"', body.decode())]
    assert {"ui/platform/main.js", "ui/platform/zip.js", "ui/form.js"} <= seen
    packed = raw(port, "/", {"Accept-Encoding": "gzip"})[1]
    assert packed["content-encoding"] == "gzip"
    assert raw(port, "/", {"If-None-Match": packed["etag"], "Accept-Encoding": "gzip"})[0] == 304


def test_each_server_has_its_own_page(port, small):
    assert raw(port, "/ui")[0] == 404
    assert raw(small.port, "/ui/platform/main.js")[0] == 404


@pytest.mark.parametrize("names", [
    [], ["a.png"], ["a.png", "A.png", "b/a.png", "c\\a.png"], ["日本語.jpg", "ü ö.png", ".png"],
    [f"{i}.png" for i in range(300)]])
def test_archives_that_others_can_read(page, names):
    files = {name: (name.encode() * 50)[:2 * i] for i, name in enumerate(names)}
    data = page.evaluate("""async (files) => {
      const { zipOf } = await import("/ui/platform/zip.js");
      const blob = await zipOf(files.map(([name, bytes]) =>
          ({ name, blob: new Blob([new Uint8Array(bytes)]) })));
      return [...new Uint8Array(await blob.arrayBuffer())];
    }""", [[name, list(content)] for name, content in files.items()])
    archive = zipfile.ZipFile(io.BytesIO(bytes(data)))
    assert archive.testzip() is None
    assert [archive.read(info) for info in archive.infolist()] == list(files.values())
    found = archive.namelist()
    assert len({name.lower() for name in found}) == len(names)
    assert not any("/" in name or "\\" in name for name in found)
    if names[:1] == ["日本語.jpg"]:
        assert found == names


def test_an_archive_can_be_large_without_being_in_memory(page):
    """Blobs refer to what they are made of: 64 MB are packed without a copy of them."""
    sizes = page.evaluate("""async () => {
      const { zipOf } = await import("/ui/platform/zip.js");
      const part = new Blob([new Uint8Array(4 << 20)]);
      const blob = new Blob(Array(16).fill(part));
      const zip = await zipOf([{ name: "a.png", blob }]);
      return [blob.size, zip.size];
    }""")
    assert sizes[1] - sizes[0] == 30 + 5 + 46 + 5 + 22


@pytest.mark.parametrize("data", [b"", b"123456789", bytes(range(256))])
def test_checksums_are_those_of_zip(call, data):
    assert call("zip", "crc32", list(data)) == zlib.crc32(data)


@pytest.mark.parametrize("given, wanted", [
    ("https://far.example/base/v1/trainings?cursor=a", "v1/trainings?cursor=a"),
    ("http://far.example/uploads/cap-ability/v1.zip", "uploads/cap-ability/v1.zip"),
    ("v1/upload/files.zip", "v1/upload/files.zip"),
    ("https://far.example/x/streams/abc", "streams/abc")])
def test_addresses_stay_on_the_page_s_own_server(page, port, given, wanted):
    address = page.evaluate("""async (url) => {
      const { Client } = await import("/ui/platform/client.js");
      return new Client(() => {}).address(url);
    }""", given)
    assert address == f"http://127.0.0.1:{port}/{wanted}"


@pytest.mark.parametrize("step, logs, share, text", [
    ({"name": "train"}, "a\n 25%|██ | 10/40 [00:01<00:03, 9.9it/s]\nsaving\n", 0.25,
     "Step 10 of 40 · 9.9 it/s · about 3 s left"),
    ({"name": "train", "progress": {"what": "waiting for the trainer", "done": 0, "total": 0}},
     "", None, "waiting for the trainer"),
    ({"name": "push", "progress": {"what": "pushing sha256:" + "ab" * 32, "done": 1500000,
                                   "total": 6000000}}, "", 0.25,
     "pushing abababababab… · 1.5 MB of 6.0 MB"),
    ({"name": "build"}, "", None, "")])
def test_progress_of_steps(call, step, logs, share, text):
    assert call("wording", "stepProgress", step, logs) == {"share": share, "text": text}


@pytest.mark.parametrize("statuses, share", [
    ({"train": "succeeded", "build": "succeeded", "push": "waiting", "webhook": "waiting"}, 2 / 3),
    ({"train": "waiting", "build": "waiting"}, 0), ({}, None)])
def test_the_share_that_is_done(call, statuses, share):
    training = {"status": "processing",
                "steps": [{"name": name, "status": is_} for name, is_ in statuses.items()]}
    assert call("wording", "overallShare", training) == share


def test_fields_of_a_trainer(call):
    document = {"components": {"schemas": {"Input": {
        "required": ["instance_prompt", "instance_data"], "properties": {
            "instance_prompt": {"type": "string", "x-order": 1},
            "seed": {"type": "integer", "x-order": 2},
            "class_data": {"type": "string", "format": "uri", "x-order": 3},
            "instance_data": {"type": "string", "format": "uri", "x-order": 4},
            "hub_token": {"type": "string", "format": "password", "x-order": 5}}}}}}
    one = [{"name": "dreambooth", "default": True}]
    found = call("training_fields", "trainingFields", document,
                 {"trainers": one, "templates": one, "trainer": "dreambooth"})
    named = [(field["name"], field["kind"]) for field in found["fields"]]
    assert named == [
        ("input.instance_data", "pictures"), ("model", "text"), ("input.instance_prompt", "text"),
        ("input.seed", "integer"), ("input.class_data", "pictures"),
        ("input.hub_token", "secret"), ("notes", "text"), ("webhook_completed", "text")]
    assert found["fold"] == 3
    unknown = call("training_fields", "trainingFields", None,
                   {"trainers": one * 2, "templates": one * 2, "trainer": "dreambooth"})
    names = [field["name"] for field in unknown["fields"]]
    assert names[:2] == ["input.instance_data", "model"] and "trainer_version" in names


@pytest.mark.parametrize("function, words", [
    ("platformCurl", ["http://h:8000/v1/predictions", "$REPLICATE_API_TOKEN", '"version": "a/b:1"',
                      '"prompt": "it\'s"', "Prefer: wait"]),
    ("platformPython", ['base_url="http://h:8000"', '"a/b:1"', "client.run("]),
    ("platformJavaScript", ['baseUrl: "http://h:8000/v1"', 'replicate.run("a/b:1"'])])
def test_code_of_a_prediction(call, function, words):
    code = call("client_snippets", function, "http://h:8000/", "a/b:1", {"prompt": "it's", "n": 2})
    for word in words:
        assert word in code, code
    if function == "platformPython":
        compile(code, "snippet", "exec")

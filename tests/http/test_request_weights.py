"""Many models in one server: the input `weights`, the memory budget, and what must not stay behind
when a download goes wrong."""
import base64
import concurrent.futures
import io
import os
import re
import shutil
import signal
import subprocess

import pytest
from PIL import Image

from harness import Server, wait_until
from tuned_models import EMOJI_SD, Files, tuned_zip
from worker_client import TEMPLATES, Worker, of_type

SMALL = {"prompt": "a fox", "seed": 7, "num_inference_steps": 2, "width": 128, "height": 128}
VANILLA = TEMPLATES / "vanilla.so"


@pytest.fixture(scope="module")
def zips():
    return {f"/{name}/output.zip": tuned_zip(seed) for seed, name in enumerate("ab", 1)}


@pytest.fixture
def files(zips):
    served = Files(dict(zips))
    yield served
    served.close()


def start(tmp_path, *args, models=None, **options):
    server = Server("vanilla", args=("--allow-request-weights", "--models",
                                     str(models or tmp_path / "models"),
                                     "--download-cache", str(tmp_path / "cache"), *args),
                    weights=EMOJI_SD, wait="", **options)
    wait_until(server.listening, what="listening")
    server.wait_for("READY", limit_s=60)
    return server


@pytest.fixture
def serve(tmp_path):
    servers = []

    def begin(*args, **options):
        servers.append(start(tmp_path, *args, **options))
        return servers[-1]

    yield begin
    for server in servers:
        if not server.log_file.closed:
            server.kill()


def predict(server, **inputs):
    answer = server.post("/predictions", {"input": SMALL | inputs}, timeout=60)
    assert answer.status == 200, answer.text
    return answer.json


def picture(server, **inputs):
    prediction = predict(server, **inputs)
    assert prediction["status"] == "succeeded", prediction["error"]
    return prediction["output"][0], prediction["logs"]


def pixels(data_url):
    """Without the text chunks, which name the model."""
    return Image.open(io.BytesIO(base64.b64decode(data_url.split(",")[1]))).tobytes()


def drawn_by_a_server_of(weights, folder):
    """What a worker that was started with these weights draws."""
    with Worker() as worker:
        assert worker.init(VANILLA, weights=str(weights))["type"] == "ready"
        messages = worker.run("vanilla", folder, **SMALL)
        path = of_type(messages, "output")[0]["path"]
        return Image.open(path).tobytes()


def residents(server):
    pattern = r'dream_resident_bytes\{worker="0",kind="([^"]+)",name="([^"]+)"\} (\S+)'
    return [(kind, name, float(size))
            for kind, name, size in re.findall(pattern, server.get("/metrics").text)]


def bytes_held(server):
    return sum(size for _, _, size in residents(server))


def left_in_cache(tmp_path):
    cache = tmp_path / "cache"
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*")
                  if path.is_file() and path != cache / "lock")


def test_two_tuned_models_and_the_servers_own_in_one_process(serve, files, zips, tmp_path):
    server = serve()
    own, _ = picture(server)
    drawn = {}
    for name in "ab":
        url = f"{files.url}/{name}/output.zip"
        first, logs = picture(server, weights=url)
        assert re.search(r"weights: output.zip from the download cache: miss, .* s", logs), logs
        assert re.search(r"weights: loaded unet \([^)]*\) of \S+ in [\d.]+ s", logs), logs
        assert "vae" not in logs, "it is the server's own"
        drawn[name] = pixels(first)
        local = tmp_path / f"{name}.zip"
        local.write_bytes(zips[f"/{name}/output.zip"])
        assert drawn[name] == drawn_by_a_server_of(local, tmp_path / name)
    assert len({pixels(own), *drawn.values()}) == 3
    kinds = [kind for kind, _, _ in residents(server)]
    assert sorted(kinds) == ["text_encoder", "tokenizer", "unet", "unet", "unet", "vae"]

    again, logs = picture(server, weights=f"{files.url}/a/output.zip")
    assert pixels(again) == drawn["a"]
    assert "from the download cache: hit" in logs and "weights: output.zip was in memory" in logs
    assert pixels(picture(server)[0]) == pixels(own)
    assert files.downloads("/a/output.zip") == 1
    assert len([1 for path, _ in files.bodies if path == "/a/output.zip"]) > 1, "in ranges"


def test_weights_by_data_url_and_by_name(serve, zips, tmp_path):
    models = tmp_path / "models"
    shutil.unpack_archive(save_to(tmp_path / "b.zip", zips["/b/output.zip"]), models / "mine")
    server = serve(models=models)
    named, logs = picture(server, weights="mine")
    assert "weights: loaded unet" in logs
    data = "data:application/zip;base64," + base64.b64encode(zips["/b/output.zip"]).decode()
    sent, logs = picture(server, weights=data)
    assert "loaded" not in logs, "the model of that name has the same content"
    assert pixels(named) == pixels(sent)


def save_to(path, data):
    path.write_bytes(data)
    return path


def test_what_no_request_may_name(serve, tmp_path):
    models = tmp_path / "models"
    shutil.copytree(EMOJI_SD, models / "emoji")
    server = serve(models=models)
    for name in ("gone", str(EMOJI_SD), "../models/emoji/../..", "/etc/passwd"):
        answer = server.predict(SMALL | {"weights": name})
        assert answer.status == 422, name
        assert "there are: emoji" in answer.json["detail"][0]["msg"]


def test_without_the_flag_there_is_no_such_input(tmp_path):
    server = Server("vanilla", weights=EMOJI_SD, wait="")
    try:
        wait_until(server.listening, what="listening")
        server.wait_for("READY", limit_s=60)
        assert '"weights"' not in server.get("/openapi.json").text
    finally:
        server.kill()


def test_requests_at_the_same_time_download_once(serve, files):
    server = serve("--concurrency", "3", "--isolation", "slot")
    files.pause_s = 0.5
    url = f"{files.url}/a/output.zip"
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        drawn = list(pool.map(lambda _: pixels(picture(server, weights=url)[0]), range(3)))
    assert len(set(drawn)) == 1
    assert files.downloads("/a/output.zip") == 1
    assert 'worker="2"' in server.get("/metrics").text, "each process tells of its own"


def test_many_models_through_a_budget_of_three(serve, tmp_path):
    count = 50 if os.environ.get("DREAM_FULL") else 5
    contents = {f"/{seed}.zip": tuned_zip(seed) for seed in range(count)}
    files = Files(contents)
    probe = serve()
    sizes = {kind: size for kind, _, size in residents(probe)}
    probe.kill()
    shared = sum(sizes.values()) - sizes["unet"]
    budget = int(shared + 3.5 * sizes["unet"])
    server = serve("--memory-budget", str(budget), "--download-cache-size",
                   str(4 * len(contents["/0.zip"])))
    assert f"dream_memory_budget_bytes {budget}" in server.get("/metrics").text
    try:
        drawn, grown = {}, []
        for turn in range(2):
            for path in contents:
                data, logs = picture(server, weights=files.url + path)
                assert "weights: loaded unet" in logs, "five go round: each was gone"
                assert drawn.setdefault(path, pixels(data)) == pixels(data)
                assert bytes_held(server) <= budget
            grown.append(server.private_bytes())
        print("the worker's own memory after each turn:", [size >> 20 for size in grown], "MiB")
        assert grown[1] < grown[0] + 2 * sizes["unet"], "nothing stays behind those that leave"
        assert len(set(drawn.values())) == count
        for path in list(contents)[:count if count > 5 else 1]:
            local = save_to(tmp_path / "one.zip", contents[path])
            assert drawn[path] == drawn_by_a_server_of(local, tmp_path / "one")
        assert "memory: unet of" in server.log() and "leaves" in server.log()
        left = left_in_cache(tmp_path)
        assert sum(1 for name in left if name.startswith("content/")) <= 4
        assert not [name for name in left if name.startswith("partial/")]
    finally:
        files.close()


def test_killed_in_mid_download(serve, files, tmp_path):
    server = serve()
    files.stall_after = 3_000_000
    url = f"{files.url}/a/output.zip"
    server.start(SMALL | {"weights": url})
    wait_until(lambda: files.bodies, what="the download")
    wait_until(lambda: any((tmp_path / "cache").rglob("*.partial")), what="bytes on disk")
    server.process.send_signal(signal.SIGKILL)
    server.wait_exit()
    files.stall_after = None
    again = serve()
    data, logs = picture(again, weights=url)
    assert "miss" in logs
    assert pixels(data) == drawn_by_a_server_of(
        save_to(tmp_path / "a.zip", files.contents["/a/output.zip"]), tmp_path / "a")
    assert [name.split("/")[0] for name in left_in_cache(tmp_path)] == ["content", "urls"]


@pytest.mark.parametrize("damage, words", [
    (lambda data: data[:len(data) // 2], "truncated"),
    (lambda data: data[:9_000_000] + bytes([data[9_000_000] ^ 1]) + data[9_000_001:],
     "checksum does not match"),
    (lambda data: b"<html>sign in first</html>" * 10, "it is no model"),
])
def test_a_file_that_is_no_model_leaves_nothing(serve, files, tmp_path, damage, words):
    files.contents["/bad.zip"] = damage(files.contents["/a/output.zip"])
    server = serve()
    prediction = predict(server, weights=f"{files.url}/bad.zip")
    assert prediction["status"] == "failed"
    assert words in prediction["error"] and "/bad.zip" in prediction["error"]
    assert str(tmp_path) not in prediction["error"], "no path of the server"
    assert left_in_cache(tmp_path) == []
    assert server.health() == "READY"
    picture(server, weights=f"{files.url}/a/output.zip")


def test_a_full_disk(serve, files, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "dream-test", cache],
                             capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip("may not mount a small file system: " + mounted.stderr.strip())
    try:
        server = serve()
        prediction = predict(server, weights=f"{files.url}/a/output.zip")
        assert prediction["status"] == "failed"
        assert "the disk is full" in prediction["error"], prediction["error"]
        assert left_in_cache(tmp_path) == []
        assert server.health() == "READY"
        picture(server)
        server.kill()
    finally:
        subprocess.run(["umount", "-l", cache], check=True)

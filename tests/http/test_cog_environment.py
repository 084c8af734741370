"""COG_ variables, train mode, weights from a URL, and the `python` of Cog images."""

import os
import pathlib
import subprocess
import time

import pytest
from harness import BUILD, JSON, free_port, wait_until
from tuned_models import Files, tuned_zip

SHIM = BUILD / "libexec" / "dream" / "python"


def test_concurrency_from_the_environment(serve):
    server = serve("sleeper", env={"COG_MAX_CONCURRENCY": "2"})
    for identity in ("a", "b"):
        assert server.start({"seconds": 5}, id=identity).status == 202
    assert server.predict({}).status == 409
    for wrong in ("0", "many", "-1"):
        server = serve("sleeper", env={"COG_MAX_CONCURRENCY": wrong})
        assert "COG_MAX_CONCURRENCY" in server.log()
        assert server.start({"seconds": 5}, id="a").status == 202
        assert server.predict({}).status == 409


def test_a_set_up_that_takes_too_long(serve):
    server = serve("slow_setup", env={"COG_SETUP_TIMEOUT": "1", "SLOW_SETUP_S": "30"},
                   wait="SETUP_FAILED")
    setup = server.get("/health-check").json["setup"]
    assert setup["status"] == "failed" and "worker setup timed out" in setup["logs"]
    server = serve("slow_setup", env={"COG_SETUP_TIMEOUT": "20", "SLOW_SETUP_S": "0.2"})
    assert server.predict({}).json["status"] == "succeeded"
    server = serve("slow_setup", env={"COG_SETUP_TIMEOUT": "soon", "SLOW_SETUP_S": "0.2"})
    assert "COG_SETUP_TIMEOUT='soon' is ignored" in server.log()


def test_train_mode_trains_on_both_routes(serve):
    server = serve("trainer", args=["--x-mode", "train"])
    for path in ("/trainings", "/predictions"):
        body = server.post(path, {"input": {"name": "my", "steps": 2}}).json
        assert body["status"] == "succeeded" and "training" in body["logs"], body
    answer = server.post("/predictions", {"input": {"name": "x"}},
                         headers={"Accept": "text/event-stream", **JSON})
    assert answer.status == 406
    assert server.post("/predictions", {"input": {}}).json["detail"][0]["loc"][-1] == "name"


@pytest.fixture
def files():
    served = Files({"/my/output.zip?signature=s": tuned_zip(1)})
    yield served
    served.close()


def test_weights_from_a_url(serve, files):
    url = f"{files.url}/my/output.zip?signature=s"
    files.pause_s = 0.3
    server = serve("echo", weights="", env={"COG_WEIGHTS": url}, wait=None)
    wait_until(server.listening, what="listening")
    assert server.health() in ("STARTING", "READY")
    server.wait_for("READY")
    assert "fetching the weights" in server.log() and files.bodies
    assert server.predict({"text": "x"}).status == 200


def test_weights_that_cannot_be_fetched_fail_the_set_up(serve, files):
    server = serve("echo", weights="", env={"COG_WEIGHTS": f"{files.url}/missing.safetensors"},
                   wait="SETUP_FAILED")
    setup = server.get("/health-check").json["setup"]
    assert setup["status"] == "failed" and "cannot fetch the weights" in setup["logs"]
    assert "404" in setup["logs"]
    assert server.predict({"text": "x"}).status == 503
    server.post("/shutdown")
    assert server.wait_exit() == 0


def shim(*arguments, env=None, **options):
    environment = {**os.environ, "DREAM_TEMPLATE_PATH": str(BUILD / "lib/dream/test_templates"),
                   "DREAM_TEMPLATES": "echo trainer", "COG_WEIGHTS": "none", **(env or {})}
    return subprocess.Popen([SHIM, *arguments], env=environment, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize("arguments, survives_sigterm", [
    (["--check-hash-based-pycs", "never", "-m", "cog.server.http", "--await-explicit-shutdown",
      "true"], True),
    (["-m", "cog.server.http", "--await-explicit-shutdown=false", "--threads", "4"], True),
    (["-u", "-m", "cog.server.http", "--x-mode", "train", "--host", "127.0.0.1",
      "--upload-url", "http://127.0.0.1:1/up"], False),
])
def test_the_python_of_cog_images(arguments, survives_sigterm):
    from harness import Client
    client = Client(free_port())
    process = shim(*arguments, env={"PORT": str(client.port)})

    def ready():
        try:
            return client.health() == "READY"
        except OSError:
            return False
    try:
        wait_until(ready, what="READY")
        index = client.get("/").json
        assert index["cog_version"] and client.predict({"text": "x"}).status == (
            404 if "train" in arguments else 200)
        process.terminate()
        time.sleep(0.3)
        if survives_sigterm:
            assert process.poll() is None
            client.post("/shutdown")
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.communicate()


def test_the_shim_says_its_version_and_refuses_what_it_does_not_know():
    process = shim("-m", "cog.server.http", "--version")
    assert process.communicate()[0].startswith("dream ")
    process = shim("-m", "cog.server.http", "--nonsense")
    assert "unknown option '--nonsense'" in process.communicate()[1] and process.returncode == 2
    process = shim("-m", "cog.server.http", "--host")
    assert "--host needs a value" in process.communicate()[1] and process.returncode == 2


def test_the_shim_leaves_other_calls_to_the_real_python(tmp_path):
    path = f"{SHIM.parent}:{os.environ['PATH']}"
    process = subprocess.run(["python3", "-c", "import sys; print(1 + 1)"], env={"PATH": path},
                             capture_output=True, text=True)
    assert process.stdout == "2\n", process.stderr
    empty = subprocess.run([SHIM, "-c", "1"], env={"PATH": str(tmp_path)}, capture_output=True,
                           text=True)
    assert empty.returncode != 0
    assert pathlib.Path(SHIM).stat().st_mode & 0o111

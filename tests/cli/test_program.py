"""What the built program is made of, and its smaller commands."""
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request

import pytest

from conftest import BUILD, DREAM, ROOT

VANILLA = BUILD / "lib/dream/templates/vanilla.so"


def output(*command):
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout


def linked_libraries(program):
    return " ".join(line.split()[0] for line in output("ldd", program).split("\n") if line)


def test_dream_links_neither_libtorch_nor_opencv():
    linked = linked_libraries(DREAM)
    assert "libstdc++" in linked
    assert not re.search("torch|c10|opencv", linked)


def test_the_worker_does_not_link_libtorch():
    linked = linked_libraries(BUILD / "bin/dream-worker")
    assert "opencv" in linked
    assert not re.search("torch|c10", linked)


def test_a_template_exports_one_symbol_and_carries_its_note():
    lines = output("nm", "-D", "--defined-only", VANILLA).split("\n")
    exported = [line.split()[-1] for line in lines if line]
    assert exported == ["dream_template_entry"]
    notes = subprocess.run(["readelf", "-n", VANILLA], text=True, capture_output=True, check=True)
    assert "DREAM" in notes.stdout and ".note.dream.abi" in notes.stdout
    assert "corrupt" not in (notes.stdout + notes.stderr).lower()
    assert b"sdk=1.3;tier=c;" in VANILLA.read_bytes()


def test_the_vanilla_template_is_short():
    source = (ROOT / "plugins/vanilla/vanilla.cpp").read_text()
    assert source.count("\n") <= 40


def test_version(dream):
    told = json.loads(dream("version", "--json").stdout)
    assert re.fullmatch(r"\d+\.\d+\.\d+", told["version"])
    assert told["sdk"] == "1.3"
    assert told["libtorch"].startswith("2.")
    assert told["devices"]


def test_templates_are_listed_with_refusals(dream):
    done = dream("templates")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^vanilla\b.*Stable Diffusion", done.stdout, re.MULTILINE)
    assert "echo" in done.stdout
    refused = done.stdout + done.stderr
    assert "wrong_major" in refused and "2.0" in refused and "1.3" in refused


def test_schema_snapshot(dream):
    """The vanilla inputs are a promise to clients: names, order, defaults, limits."""
    document = json.loads(dream("templates", "schema", "vanilla", "--weights", "none").stdout)
    kept = json.loads((ROOT / "plugins/vanilla/schema.json").read_text())
    assert document == kept


def test_weights_inspect(dream):
    model = ROOT / "weights/emoji-sd/model"
    told = json.loads(dream("weights", "inspect", model, "--json").stdout)
    assert "conv_in.weight" in json.dumps(told) and "UNet2DConditionModel" in json.dumps(told)
    done = dream("weights", "inspect", model / "vae/diffusion_pytorch_model.safetensors")
    assert done.returncode == 0
    assert "AutoencoderKL" in done.stdout and "decoder.conv_in.weight" in done.stdout
    absent = dream("weights", "inspect", "absent.safetensors")
    assert absent.returncode != 0 and "absent.safetensors" in absent.stderr


@pytest.mark.parametrize("arguments", [
    [], ["predict"], ["serve"], ["templates"], ["weights"], ["weights", "inspect"], ["version"],
    ["bench"]])
def test_help_with_an_example(dream, arguments):
    done = dream(*arguments, "--help")
    assert done.returncode == 0
    assert "dream " in done.stdout and "xample" in done.stdout


def test_health_check_answers_within_100_ms_and_the_worker_is_ready_soon(environment, tmp_path):
    best_answer, best_ready = 1e9, 1e9
    for attempt in range(8):  # the best one: other work on the machine is not the question
        port = 18000 + os.getpid() % 2000 + attempt
        started = time.monotonic()
        server = subprocess.Popen([DREAM, "serve", "--port", str(port)], env=environment,
                                  cwd=tmp_path, stderr=subprocess.DEVNULL)
        answered = ready = None
        try:
            while ready is None and time.monotonic() < started + 30:
                try:
                    url = f"http://127.0.0.1:{port}/health-check"
                    status = json.load(urllib.request.urlopen(url, timeout=1))["status"]
                except OSError:
                    time.sleep(0.002)
                    continue
                answered = answered or time.monotonic() - started
                ready = time.monotonic() - started if status == "READY" else None
                time.sleep(0.005)
        finally:
            server.terminate()
            assert server.wait(timeout=15) == 0
        best_answer, best_ready = min(best_answer, answered), min(best_ready, ready or 1e9)
        if best_answer < 0.1 and best_ready < 2:
            break
    print(f"first answer {best_answer * 1000:.0f} ms, READY {best_ready:.2f} s")
    assert best_answer < 0.1
    assert best_ready < 2


@pytest.mark.skipif(not os.environ.get("DREAM_FULL"), reason="copies libtorch: in --full")
def test_an_installed_tree_stands_alone(tmp_path, environment):
    prefix = tmp_path / "prefix"
    subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], check=True,
                   stdout=subprocess.DEVNULL)
    moved = tmp_path / "moved"
    shutil.move(prefix, moved)
    done = subprocess.run([moved / "bin/dream", "predict", "vanilla", "-i", "seed=1", "-i",
                           "num_inference_steps=2"], cwd=tmp_path, env=environment, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "seed-1.png").is_file()
    done = subprocess.run([moved / "bin/dream", "predict", "controlnet-canny", "-i", "seed=2", "-i",
                           "control_image=@seed-1.png", "-i", "num_inference_steps=2", "-i",
                           "return_processed_control=true"], cwd=tmp_path, env=environment,
                          text=True, capture_output=True)
    assert done.stdout.split() == ["control.png", "seed-2.png"], done.stderr
    maps = output("ldd", moved / "lib/dream/libdream_engine.so")
    assert str(moved) in maps and ".deps" not in maps

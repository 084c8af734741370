"""`dream predict`: pictures, exit codes, messages, Ctrl-C."""
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time

import pytest

from conftest import DREAM, ROOT

FOX = ["-i", "prompt=a fox on a blue background", "-i", "seed=7", "-i", "num_inference_steps=4"]


def png_size(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def test_writes_one_picture_and_names_it_on_stdout(dream, tmp_path):
    done = dream("predict", "vanilla", *FOX, "-o", "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out/seed-7.png\n"
    assert png_size(tmp_path / "out/seed-7.png") == (128, 128)


def test_sizes_and_several_outputs(dream, tmp_path):
    done = dream("predict", "vanilla", *FOX, "-i", "width=256", "-i", "height=128",
                 "-i", "num_outputs=2", "-i", "output_format=jpg", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["out/seed-7.jpg", "out/seed-8.jpg"]


def test_same_seed_same_bytes_alone_and_as_third_of_four(dream, tmp_path):
    assert dream("predict", "vanilla", *FOX, "-o", "alone").returncode == 0
    four = dream("predict", "vanilla", *FOX, "-i", "seed=5", "-i", "num_outputs=4", "-o", "four")
    assert four.returncode == 0, four.stderr
    pixels = [subprocess.run(
        [sys.executable, "-c", "import sys,cv2,hashlib;"
         "print(hashlib.sha256(cv2.imread(sys.argv[1]).tobytes()).hexdigest())", tmp_path / name],
        capture_output=True, text=True, check=True, env=os.environ).stdout
        for name in ("alone/seed-7.png", "four/seed-7.png", "four/seed-6.png")]
    assert pixels[0] == pixels[1]
    assert pixels[0] != pixels[2]


def test_the_picture_carries_its_parameters(dream, tmp_path):
    assert dream("predict", "vanilla", *FOX).returncode == 0
    data = (tmp_path / "seed-7.png").read_bytes()
    assert b"a fox on a blue background" in data and b"Seed: 7" in data and b"Steps: 4" in data


def test_json_prints_the_prediction_object(dream, tmp_path):
    done = dream("predict", "vanilla", *FOX, "--json", "-o", "out")
    prediction = json.loads(done.stdout)
    assert prediction["status"] == "succeeded"
    assert prediction["input"]["seed"] == 7
    assert prediction["metrics"]["image_count"] == 1
    assert prediction["metrics"]["steps"] == 4
    assert prediction["metrics"]["predict_time"] > 0
    assert len(prediction["output"]) == 1


def test_input_json(dream, tmp_path):
    (tmp_path / "in.json").write_text(json.dumps({"text": "hello", "numbers": [1, 2, 3]}))
    done = dream("predict", "echo", "--input-json", "in.json", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"]["numbers"] == [1, 2, 3]


def test_a_file_input(dream, tmp_path):
    (tmp_path / "note.txt").write_text("what it says")
    done = dream("predict", "echo", "-i", "text=x", "-i", "file=@note.txt", "--json")
    assert done.returncode == 0, done.stderr
    assert "what it says" in json.dumps(json.loads(done.stdout)["output"])


@pytest.mark.parametrize("arguments, says", [
    (["predict", "nothing-of-the-kind"], ["nothing-of-the-kind", "vanilla"]),
    (["predict", "vanilla", "-i", "num_inference_steps=0"], ["num_inference_steps", "0", "1"]),
    (["predict", "vanilla", "-i", "num_inference_steps=many"], ["num_inference_steps", "many"]),
    (["predict", "vanilla", "-i", "guidance_scale=50"], ["guidance_scale", "50", "20"]),
    (["predict", "vanilla", "-i", "scheduler=Magic"], ["scheduler", "Magic", "DDIM"]),
    (["predict", "vanilla", "-i", "width=100"], ["width", "100", "128"]),
    (["predict", "vanilla", "-i", "width=1024", "-i", "height=1024"], ["width", "786432"]),
    (["predict", "vanilla", "-i", "promt=x"], ["promt", "prompt"]),
    (["predict", "vanilla", "-i", "prompt"], ["prompt", "="]),
    (["predict", "echo"], ["text", "required"]),
    (["predict", "echo", "-i", "text=x", "-i", "file=@absent.png"], ["absent.png"]),
    (["predict", "vanilla", "--weights", "absent-folder"], ["absent-folder"]),
    (["predict", "vanilla", "--device", "tpu"], ["tpu", "cpu"]),
    (["frobnicate"], ["frobnicate"]),
])
def test_wrong_usage_exits_2_and_says_what_is_allowed(dream, arguments, says):
    done = dream(*arguments)
    assert done.returncode == 2, done.stderr
    for word in says:
        assert word.lower() in done.stderr.lower()
    assert done.stdout == ""


def test_a_template_without_weights(dream):
    done = dream("predict", "vanilla", "-i", "prompt=x", "--weights", "none")
    assert done.returncode == 1
    assert "This is a template, not a real model - add weights" in done.stderr


def test_default_weights_variable(dream):
    done = dream("predict", "vanilla", env={"DREAM_DEFAULT_WEIGHTS": "none"})
    assert done.returncode == 1
    assert "add weights" in done.stderr


def test_weights_in_the_working_folder_come_first(dream, tmp_path):
    shutil.copytree(ROOT / "weights/emoji-sd/model", tmp_path / "weights")
    (tmp_path / "weights/args.json").write_text('{"instance_prompt": "a panda"}')
    done = dream("predict", "vanilla", "-i", "num_inference_steps=1", "--json")
    assert done.returncode == 0, done.stderr
    schema = dream("templates", "schema", "vanilla")
    prompt = json.loads(schema.stdout)["components"]["schemas"]["Input"]["properties"]["prompt"]
    assert prompt["default"] == "a panda"


def test_damaged_weights_name_the_file(dream, tmp_path):
    shutil.copytree(ROOT / "weights/emoji-sd/model", tmp_path / "damaged")
    unet = tmp_path / "damaged/unet/diffusion_pytorch_model.safetensors"
    unet.write_bytes(unet.read_bytes()[:5000])
    done = dream("predict", "vanilla", "--weights", "damaged")
    assert done.returncode == 1
    assert "diffusion_pytorch_model.safetensors" in done.stderr


@pytest.mark.parametrize("name", ["segfaults_in_run", "aborts_in_run", "throws_int_in_run"])
def test_a_crashing_template_is_a_failure_with_a_message(dream, name):
    done = dream("predict", name)
    assert done.returncode == 1
    assert done.stderr.strip()


def start(environment, tmp_path, *arguments):
    return subprocess.Popen([DREAM, *arguments], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, cwd=tmp_path, env=environment,
                            start_new_session=True)


def children(pid):
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True)
    return [int(line) for line in listed.stdout.split()]


def wait_for(process, text):
    """Until stderr says it: then the worker that draws is there, not the one that was asked for the
    template's inputs."""
    deadline = time.monotonic() + 30
    seen = ""
    while text not in seen and time.monotonic() < deadline:
        seen += os.read(process.stderr.fileno(), 4096).decode(errors="replace")
    assert text in seen


def test_ctrl_c_is_a_clean_cancel(environment, tmp_path):
    process = start(environment, tmp_path, "predict", "vanilla", "-i", "num_inference_steps=500")
    wait_for(process, "/500")
    workers = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group
    _, stderr = process.communicate(timeout=15)
    assert process.returncode == 130, stderr
    assert not list(tmp_path.glob("*.png"))
    assert workers and not any(os.path.exists(f"/proc/{pid}") for pid in workers)


def test_killing_dream_leaves_no_worker_behind(environment, tmp_path):
    process = start(environment, tmp_path, "predict", "sleeper", "-i", "seconds=60",
                    "-i", "steps=10000")
    wait_for(process, "/10000")
    workers = children(process.pid)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 5
    while any(os.path.exists(f"/proc/{pid}") for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers and not any(os.path.exists(f"/proc/{pid}") for pid in workers)

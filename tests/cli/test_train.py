"""`dream train`: a model or a LoRA from the shell, its loss curve, Ctrl-C."""
import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
import zipfile

import pytest

from conftest import DREAM, ROOT

sys.path.insert(0, str(ROOT / "tests/http"))
from training_pictures import robots  # noqa: E402

FEW = ["-i", "instance_prompt=a photo of sks robot", "-i", "class_prompt=a photo of a robot",
       "-i", "instance_data=@robots.zip", "-i", "with_prior_preservation=false"]


@pytest.fixture(autouse=True)
def pictures(tmp_path):
    (tmp_path / "robots.zip").write_bytes(robots())


def png_size(content):
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", content[16:24])


def test_a_model_its_curve_and_a_picture_of_it(dream, tmp_path):
    done = dream("train", *FEW, "-i", "max_train_steps=2", "-o", "out/robot.zip")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out/robot.zip\nout/robot.loss.png\n"
    assert png_size((tmp_path / "out/robot.loss.png").read_bytes()) == (960, 540)
    assert "step 2/2: loss=" in done.stderr and "2/2" in done.stderr
    with zipfile.ZipFile(tmp_path / "out/robot.zip") as written:
        assert "model_index.json" in written.namelist()
    drawn = dream("predict", "vanilla", "--weights", "out/robot.zip", "-i", "num_inference_steps=2",
                  "-i", "seed=1")
    assert drawn.returncode == 0, drawn.stderr
    # The trainer's prompt is the model's default one.
    assert b"a photo of sks robot" in (tmp_path / "seed-1.png").read_bytes()


def test_a_lora_and_a_picture_with_it(dream, tmp_path):
    done = dream("train", "--lora", *FEW, "-i", "max_train_steps=2", "-i", "rank=2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "output.zip\noutput.loss.png\n"
    with zipfile.ZipFile(tmp_path / "output.zip") as written:
        assert json.loads(written.read("args.json"))["rank"] == 2
    drawn = dream("predict", "vanilla", "-i", "lora=output.zip", "-i", "num_inference_steps=2",
                  "-i", "seed=1", "-i", "prompt=a photo of sks robot")
    assert drawn.returncode == 0, drawn.stderr


@pytest.mark.parametrize("arguments, words", [
    (["-o", "folder"], ["--output", "folder", "is a folder"]),
    (["-i", "max_train_steps=many"], ["max_train_steps", "many"]),
    (["-i", "instance_data=@absent.zip"], ["instance_data", "absent.zip"]),
    (["-i", "max_train_step=2"], ["max_train_step", "max_train_steps"]),
    (["--lora", "dreambooth"], ["--lora"]),
    (["no-such-trainer"], ["no-such-trainer"])])
def test_what_is_wrong_is_said_at_once(dream, tmp_path, arguments, words):
    (tmp_path / "folder").mkdir()
    done = dream("train", *FEW, *arguments)
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word in done.stderr


def test_a_bad_archive_is_the_users_mistake(dream, tmp_path):
    (tmp_path / "robots.zip").write_bytes(b"no archive")
    done = dream("train", *FEW)
    assert done.returncode == 2
    assert "instance_data: it cannot be used as a zip archive of pictures" in done.stderr
    assert not (tmp_path / "output.zip").exists()


def test_ctrl_c_keeps_a_checkpoint_from_which_the_same_command_goes_on(environment, tmp_path):
    command = [DREAM, "train", *FEW, "-i", "max_train_steps=300", "-i", "learning_rate=1e-5"]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True)
    seen = io.StringIO()
    while "step 10/300" not in seen.getvalue():
        line = process.stderr.readline()
        assert line, seen.getvalue()
        seen.write(line)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "a checkpoint is kept" in stderr and "the same command goes on" in stderr
    assert not (tmp_path / "output.zip").exists()
    trainings = tmp_path / ".cache/dream/trainings"
    assert list(trainings.glob("*/checkpoints/*"))

    begin = time.monotonic()
    again = subprocess.run(command, env=environment, cwd=tmp_path, text=True, capture_output=True,
                           timeout=300)
    assert again.returncode == 0, again.stderr
    assert "step 10/300" not in again.stderr, time.monotonic() - begin
    assert not list(trainings.iterdir())

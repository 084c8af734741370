"""`dream bench`: what its report says, and what it refuses. The figures themselves are no test."""
import json

import pytest

SMALL = ["--arch", "emoji-sd", "--size", 32, "--steps", 3, "--threads", 1]


def test_unet_steps_are_timed(dream):
    done = dream("bench", "unet", *SMALL)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["target"], told["arch"], told["size"]) == ("unet", "emoji-sd", 32)
    assert (told["steps"], told["batch"], told["threads"]) == (3, 1, 1)
    assert told["it_per_s"] == pytest.approx(1 / told["step_s"])
    stages = told["stages_s"]
    assert stages["decode"] is None
    assert all(stages[stage] > 0 for stage in ("load", "text", "denoise"))
    assert told["cold_start_s"] > stages["load"]
    assert told["peak_memory_bytes"] > 50e6
    assert told["device"] and told["dtype"] and told["libtorch"].startswith("2.")


def test_whole_pictures_are_timed_up_to_their_pixels(dream):
    done = dream("bench", "generate", *SMALL, "--batch", 2)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["batch"] == 2 and told["pictures_per_call"] in (1, 2)
    assert told["stages_s"]["decode"] > 0


def test_random_weights_of_an_architecture_leave_nothing_behind(dream, tmp_path):
    done = dream("bench", "unet", "--arch", "sd15-tiny", "--size", 64, "--steps", 2,
                 env={"TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["arch"] == "sd15-tiny"
    assert not list(tmp_path.glob("dream-bench-*"))


@pytest.mark.parametrize("flags, named", [
    (["--controlnet"], "--controlnet"), (["--size", 60], "--size is 60"),
    (["--weights", "none"], "--weights"), (["--steps", 0], "--steps")])
def test_what_cannot_be_timed_is_refused(dream, flags, named):
    arch = [] if "--weights" in flags else ["--arch", "emoji-sd"]
    done = dream("bench", "unet", *arch, *flags)
    assert done.returncode == 2
    assert named in done.stderr and not done.stdout


def test_one_source_of_weights(dream):
    done = dream("bench", "unet", "--arch", "emoji-sd", "--weights", "none")
    assert done.returncode == 2 and "--arch and --weights" in done.stderr


def test_libtorch_computes_with_its_own_blas(dream, tmp_path):
    """Bound to the reference BLAS of OpenCV, matrix products take tens of times as long."""
    told = tmp_path / "bindings"
    done = dream("version", env={"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": str(told)})
    assert done.returncode == 0, done.stderr
    bound = [line for file in tmp_path.glob("bindings.*") for line in file.open(errors="replace")
             if "sgemm_'" in line and "file /" in line and "libtorch_cpu" in line.split(" to ")[0]]
    assert bound
    assert all("libtorch_cpu" in line.split(" to ")[1] for line in bound), bound

"""Many different requests in one worker: memory stays where it is after the first of them."""
import itertools
import os
import random

import numpy as np
import pytest
from PIL import Image

from emoji_lora import EMOJI_SD, lora_bytes
from worker_client import TEMPLATES, Worker, of_type

FULL = bool(os.environ.get("DREAM_FULL"))
REQUESTS = 500 if FULL else 70
WINDOW = 100 if FULL else 10
WARM_UP = 100 if FULL else 30  # until every LoRA has come, whose layers are kept
GROWTH = 0.02 if FULL else 0.1  # a few requests show only a large leak
SCHEDULERS = ("DDIM", "DPMSolverMultistep", "HeunDiscrete", "K_EULER_ANCESTRAL", "K_EULER", "KLMS",
              "PNDM", "UniPCMultistep", "LCM")


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.fixture
def files(tmp_path):
    values = np.random.default_rng(0)
    for name in ("image", "mask"):
        Image.fromarray(values.integers(0, 255, (90, 120, 3), np.uint8)).save(
            tmp_path / f"{name}.png")
    for seed in range(2):
        (tmp_path / f"style{seed}.safetensors").write_bytes(lora_bytes(seed))
    return tmp_path


def mixed_requests(files):
    """Tasks, sizes, schedulers, LoRAs, numbers of pictures; now and then a refusal.

    The same hundred again and again, but for their seeds and prompts: memory is compared under
    equal load.
    """
    for index in itertools.count():
        if index % 100 == 0:
            chance = random.Random(4)
        asked = {"prompt": f"a fox {index % 7}", "seed": index,
                 "scheduler": SCHEDULERS[index % 100 % len(SCHEDULERS)],
                 "num_inference_steps": chance.choice((1, 2, 4)),
                 "num_outputs": chance.choice((1, 1, 3)),
                 "guidance_scale": chance.choice((1, 7.5))}
        kind = chance.choice(("txt2img", "img2img", "inpaint", "lora", "refused"))
        if kind == "txt2img":
            asked |= {"width": chance.choice((128, 256)), "height": chance.choice((128, 256))}
        elif kind == "lora":
            strength = chance.choice((0.5, 0.8, 1.0))
            asked["lora"] = [f"{files}/style{chance.randrange(2)}.safetensors@{strength}"]
        elif kind == "refused":
            asked["mask"] = str(files / "mask.png")
        else:
            asked |= {"image": str(files / "image.png"), "prompt_strength": 1}
            if kind == "inpaint":
                asked["mask"] = str(files / "mask.png")
        yield asked, kind != "refused"


def test_memory_is_flat_over_mixed_requests(files):
    with Worker() as worker:
        assert worker.init(TEMPLATES / "vanilla.so", weights=str(EMOJI_SD))["type"] == "ready"
        resident = []
        for asked, works in itertools.islice(mixed_requests(files), REQUESTS):
            messages = worker.run("vanilla", files / "out", **asked)
            assert messages[-1]["status"] == ("succeeded" if works else "failed"), messages[-1]
            assert len(of_type(messages, "output")) == (asked["num_outputs"] if works else 0)
            resident.append(resident_bytes(worker.process.pid))
        first = np.mean(resident[WARM_UP:WARM_UP + WINDOW])
        last = np.mean(resident[-WINDOW:])
        print(f"{REQUESTS} requests: {first / 2**20:.0f} MiB, then {last / 2**20:.0f} MiB")
        assert last <= first * (1 + GROWTH)

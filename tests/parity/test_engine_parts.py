"""The parts of the pipeline that generate() does not use, against diffusers 0.42.1."""
import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler
from PIL import Image

import tiny_models
from engine_client import run_engine
from probes import relative_error
from tiny_models import EMOJI_SD

TOLERANCE = 1e-4


@pytest.mark.parametrize("name", ["emoji-sd", "switches"])
def test_encode_image(tmp_path, name):
    """As image to image starts: preprocessed, encoded, a seeded sample, scaled."""
    pipeline = tiny_models.build(name)
    folder = EMOJI_SD if name == "emoji-sd" else tiny_models.save(pipeline, tmp_path / name)
    pixels = np.random.default_rng(1).integers(0, 256, (48, 80, 3), np.uint8)
    reply = run_engine(folder, [{"op": "encode_image", "pixels": "pixels", "seed": 5}],
                       {"pixels": torch.from_numpy(pixels).float()})
    values = pipeline.image_processor.preprocess(Image.fromarray(pixels))
    sample = pipeline.vae.encode(values).latent_dist.sample(torch.Generator().manual_seed(5))
    assert relative_error(reply["encode_image"],
                          sample * pipeline.vae.config.scaling_factor) <= TOLERANCE


@pytest.mark.parametrize("kind", [DDIMScheduler, DPMSolverMultistepScheduler])
def test_scheduler_files_as_diffusers_writes_them(tmp_path, kind):
    """With bare infinities and with values that Stable Diffusion must not follow."""
    folder = tmp_path / "model"
    shutil.copytree(EMOJI_SD, folder)
    schedule = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    kind(**schedule).save_pretrained(folder / "scheduler")
    text = (folder / "scheduler" / "scheduler_config.json").read_text()
    assert kind is DDIMScheduler or "-Infinity" in text
    request = {"op": "latents", "num_inference_steps": 3, "seed": 1, "width": 32, "height": 32,
               "prompt": "a fox"}
    ours = run_engine(folder, [request | {"scheduler": kind.__name__.removesuffix("Scheduler")}])
    config = json.loads(text) | {"clip_sample": False, "steps_offset": 1}
    config.pop("_use_default_values", None)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(config))
    pipeline = tiny_models.build("emoji-sd")
    pipeline.scheduler = kind.from_pretrained(folder / "scheduler")
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline("a fox", num_inference_steps=3, width=32, height=32, output_type="latent",
                        generator=torch.Generator().manual_seed(1)).images
    assert relative_error(ours["latents"], expected) <= TOLERANCE

"""Every scheduler in every task, against the pipelines of diffusers 0.42.1, live: final latents.

{scheduler} x {txt2img, img2img, inpainting with 4 and with 9 channels} x {epsilon, v_prediction} x
{steps} x {timestep spacing} on random miniatures. CI takes a spread of the cells in which every
pair of values meets; DREAM_FULL takes all. That the timesteps are equal: test_schedulers.py.
"""
import itertools
import json
import math
import os
import shutil

import pytest
import torch
from diffusers import (StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline,
                       StableDiffusionPipeline)
from PIL import Image

import diffusers
import tiny_models
from engine_client import run_engine
from probes import relative_error
from summary import record
from test_schedulers import CLASSES

TOLERANCE = 1e-4
SIZE = 16  # pixels per side; the latents have 8
TASKS = ("txt2img", "img2img", "inpaint-4", "inpaint-9")
PREDICTIONS = ("epsilon", "v_prediction")
STEPS = (1, 2, 7, 20, 30)
SPACINGS = ("leading", "linspace", "trailing")
REQUEST = {"prompt": "a red apple", "negative_prompt": "blurry", "guidance_scale": 4.0}
UNETS = {4: "matrix-4", 9: "matrix-9"}


AXES = (tuple(CLASSES), TASKS, PREDICTIONS, STEPS, SPACINGS)


def cells():
    """(scheduler, task, prediction, steps, spacing); of the spread one number of steps for each."""
    for places in itertools.product(*(range(len(axis)) for axis in AXES)):
        if os.environ.get("DREAM_FULL") or sum(places) % len(STEPS) == 0:
            yield tuple(axis[place] for axis, place in zip(AXES, places))


def test_the_spread_joins_every_pair_of_values():
    chosen = list(cells())
    assert len(chosen) >= 200
    for (i, first), (j, second) in itertools.combinations(enumerate(AXES), 2):
        assert {(cell[i], cell[j]) for cell in chosen} == set(itertools.product(first, second))


def image_and_mask():
    values = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(5))
    image = torch.nn.functional.interpolate(values, (SIZE, SIZE), mode="bicubic").clamp(0, 1)
    mask = torch.zeros(SIZE, SIZE, dtype=torch.uint8)
    mask[4:12, 2:10] = 255
    return (image[0].permute(1, 2, 0) * 255).round().to(torch.uint8), mask


def strength_of(steps):
    return 1.0 if steps == 1 else 0.7


class Model:
    """A miniature with a scheduler config of its own for each prediction and spacing."""

    def __init__(self, name, folder):
        self.pipeline = tiny_models.build(name)
        self.base = tiny_models.save(self.pipeline, folder / name)

    def variant(self, prediction, spacing, **config):
        name = "-".join([self.base.name, prediction, spacing, *config])
        folder = self.base.with_name(name)
        if not folder.exists():
            shutil.copytree(self.base, folder)
            file = folder / "scheduler" / "scheduler_config.json"
            file.write_text(json.dumps(json.loads(file.read_text()) | {
                "prediction_type": prediction, "timestep_spacing": spacing} | config))
        return folder

    def reference(self, folder, scheduler, task, steps, seed, karras=False, **request):
        kind = {"txt2img": StableDiffusionPipeline, "img2img": StableDiffusionImg2ImgPipeline}.get(
            task, StableDiffusionInpaintPipeline)
        scheduler_class = getattr(diffusers, f"{CLASSES[scheduler]}Scheduler")
        pipeline = kind(requires_safety_checker=False, **self.pipeline.components | {
            "scheduler": scheduler_class.from_pretrained(
                folder / "scheduler", **{"use_karras_sigmas": True} if karras else {})})
        pipeline.set_progress_bar_config(disable=True)
        arguments = REQUEST | {"num_inference_steps": steps} | request
        image, mask = image_and_mask()
        if task != "img2img":
            arguments |= {"width": SIZE, "height": SIZE}
        if task != "txt2img":
            arguments |= {"image": Image.fromarray(image.numpy()), "strength": strength_of(steps)}
        if task.startswith("inpaint"):
            arguments["mask_image"] = Image.fromarray(mask.numpy())
        return pipeline(output_type="latent", generator=torch.Generator().manual_seed(seed),
                        **arguments).images


def operation(index, scheduler, task, steps, seed, **request):
    asked = REQUEST | {"op": "latents", "out": f"cell{index}", "scheduler": scheduler, "seed": seed,
                       "num_inference_steps": steps, "width": SIZE, "height": SIZE} | request
    if task != "txt2img":
        asked |= {"image": "image", "prompt_strength": strength_of(steps)}
    if task.startswith("inpaint"):
        asked["mask"] = "mask"
    return asked


@pytest.mark.filterwarnings("ignore")
def test_matrix(tmp_path):
    models = {channels: Model(name, tmp_path) for channels, name in UNETS.items()}
    image, mask = image_and_mask()
    inputs = {"image": image.float(), "mask": mask.float()}
    groups = {}
    for index, (scheduler, task, prediction, steps, spacing) in enumerate(cells()):
        key = (9 if task == "inpaint-9" else 4, prediction, spacing)
        groups.setdefault(key, []).append((index, scheduler, task, steps))
    wrong, size = [], math.prod(len(axis) for axis in AXES)
    for (channels, prediction, spacing), group in groups.items():
        model = models[channels]
        folder = model.variant(prediction, spacing)
        reply = run_engine(folder, [operation(*cell, seed=cell[0]) for cell in group], inputs)
        for index, scheduler, task, steps in group:
            theirs = model.reference(folder, scheduler, task, steps, seed=index)
            error = relative_error(reply[f"cell{index}"], theirs)
            record("matrix", f"{scheduler}, {task}", error, unit="cells", total=size)
            if not error <= TOLERANCE:
                wrong.append((scheduler, task, prediction, steps, spacing, f"{error:.1e}"))
    assert not wrong, f"{len(wrong)} cells differ: {wrong[:10]}"

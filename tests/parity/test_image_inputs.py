"""Image to image and inpainting against diffusers 0.42.1: latents, pictures, and what is refused.

The matrix over all schedulers is in test_matrix.py; here are masks of every kind, both kinds of
UNet, and the pixels that come back.
"""
import re

import numpy as np
import pytest
import torch
from diffusers import (DDIMScheduler, PNDMScheduler, StableDiffusionImg2ImgPipeline,
                       StableDiffusionInpaintPipeline)
from diffusers.image_processor import VaeImageProcessor
from PIL import Image

import tiny_models
from engine_client import run_engine
from probes import relative_error

TOLERANCE = 1e-4
SIZE = (48, 64)  # width, height
SCHEDULERS = {"DDIM": DDIMScheduler, "PNDM": PNDMScheduler}
REQUEST = {"prompt": "a red apple", "negative_prompt": "blurry", "num_inference_steps": 7,
           "guidance_scale": 5.0, "width": SIZE[0], "height": SIZE[1]}


@pytest.fixture(scope="module", params=["sd2", "inpainting"])
def model(request, tmp_path_factory):
    pipeline = tiny_models.build(request.param)
    folder = tiny_models.save(pipeline, tmp_path_factory.mktemp("models") / request.param)
    return pipeline, folder


def random_image(seed=3, channels=3):
    """Smooth, so that rounding in the encoder has something to preserve."""
    values = torch.rand(1, channels, 8, 6, generator=torch.Generator().manual_seed(seed))
    large = torch.nn.functional.interpolate(values, (SIZE[1], SIZE[0]), mode="bicubic")
    return (large.clamp(0, 1) * 255).round().to(torch.uint8)[0].permute(1, 2, 0).squeeze(-1)


def masks():
    box = torch.zeros(SIZE[1], SIZE[0], dtype=torch.uint8)
    box[16:40, 8:32] = 255
    return {"box": box, "soft": random_image(9, channels=1), "all": torch.full_like(box, 255),
            "none": torch.zeros_like(box)}


def pil(tensor):
    return Image.fromarray(tensor.numpy())


def reference(model, scheduler, image, mask, strength, seed, soft=False):
    pipeline, folder = model
    kind = StableDiffusionImg2ImgPipeline if mask is None else StableDiffusionInpaintPipeline
    pipeline = kind(requires_safety_checker=False, **pipeline.components | {
        "scheduler": SCHEDULERS[scheduler].from_pretrained(folder / "scheduler")})
    pipeline.set_progress_bar_config(disable=True)
    arguments = {key: value for key, value in REQUEST.items() if key not in ("width", "height")}
    if mask is not None:
        arguments |= {"mask_image": pil(mask), "width": SIZE[0], "height": SIZE[1]}
        pipeline.mask_processor = VaeImageProcessor(
            vae_scale_factor=pipeline.vae_scale_factor, do_normalize=False,
            do_binarize=not soft, do_convert_grayscale=True)
    latents = pipeline(image=pil(image), strength=strength, output_type="latent",
                       generator=torch.Generator().manual_seed(seed), **arguments).images
    decoded = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    return latents, np.asarray(pipeline.image_processor.postprocess(decoded)[0]).astype(int)


def draw(folder, op, scheduler, image, mask, strength, seed, **more):
    operation = {"op": op, "image": "image", "scheduler": scheduler, "prompt_strength": strength,
                 "seed": seed} | REQUEST | more
    inputs = {"image": image.float()}
    if mask is not None:
        operation["mask"] = "mask"
        inputs["mask"] = mask.float()
    return run_engine(folder, [operation], inputs)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("strength", [0.2, 0.8, 1.0])
def test_image_to_image(model, scheduler, strength):
    pipeline, folder = model
    if pipeline.unet.config.in_channels == 9:
        pytest.skip("diffusers has no image to image without a mask for inpainting UNets")
    image = random_image()
    ours = draw(folder, "latents", scheduler, image, None, strength, 5)["latents"]
    latents, _ = reference(model, scheduler, image, None, strength, 5)
    assert relative_error(ours, latents) <= TOLERANCE


@pytest.mark.parametrize("strength", [0.3, 0.8, 1.0])
@pytest.mark.parametrize("mask", masks())
def test_inpainting(model, mask, strength):
    """The mask is used as grey by 4-channel UNets, as black and white by those made for it."""
    pipeline, folder = model
    soft = pipeline.unet.config.in_channels == 4
    image, mask = random_image(), masks()[mask]
    for scheduler in SCHEDULERS:
        ours = draw(folder, "latents", scheduler, image, mask, strength, 6)["latents"]
        latents, _ = reference(model, scheduler, image, mask, strength, 6, soft)
        assert relative_error(ours, latents) <= TOLERANCE, scheduler


def test_kept_pixels_are_those_of_the_image(model):
    _, folder = model
    image, mask = random_image(), masks()["box"]
    pasted = draw(folder, "generate", "DDIM", image, mask, 1.0, 8)["generate.0"]
    drawn = draw(folder, "generate", "DDIM", image, mask, 1.0, 8,
                 paste_original=False)["generate.0"]
    kept = (mask == 0)[..., None].expand_as(image)
    assert torch.equal(pasted[kept], image[kept])
    assert torch.equal(pasted[~kept], drawn[~kept])
    assert not torch.equal(drawn[kept], image[kept]), "the VAE changes what it passes on"
    _, expected = reference(model, "DDIM", image, mask, 1.0, 8)
    assert (np.abs(drawn.numpy().astype(int) - expected) <= 1).mean() >= 0.999


def test_a_soft_mask_mixes(model):
    _, folder = model
    image, mask = random_image(), masks()["soft"]
    pasted = draw(folder, "generate", "DDIM", image, mask, 0.9, 8)["generate.0"].double()
    drawn = draw(folder, "generate", "DDIM", image, mask, 0.9, 8,
                 paste_original=False)["generate.0"].double()
    share = mask.double()[..., None] / 255
    assert (pasted - (share * drawn + (1 - share) * image.double())).abs().max() <= 0.51


def test_an_inpainting_model_draws_from_text_alone(model):
    """As if all of an empty picture were masked."""
    pipeline, folder = model
    if pipeline.unet.config.in_channels == 4:
        pytest.skip("the other tests do")
    reply = run_engine(folder, [{"op": "latents", "scheduler": "DDIM", "seed": 4} | REQUEST])
    grey = torch.full((SIZE[1], SIZE[0], 3), 128, dtype=torch.uint8)  # masked away whatever it is
    latents, _ = reference(model, "DDIM", grey, masks()["all"], 1.0, 4)
    assert relative_error(reply["latents"], latents) <= TOLERANCE


@pytest.mark.parametrize("wrong, words", [
    ({"prompt_strength": 1.5}, ["prompt_strength", "1.5", "0 to 1"]),
    ({"prompt_strength": 0.1}, ["prompt_strength", "0.1", "7 steps", "none would remain", "0.143"]),
    ({"width": 64}, ["image", "48 x 64", "64 x 64"]),
])
def test_wrong_pictures_are_named(model, wrong, words):
    _, folder = model
    arguments = {"image": random_image(), "mask": masks()["box"], "strength": 0.8, "seed": 0}
    failed = draw(folder, "generate", "DDIM", **arguments, **wrong).operation(0)
    assert failed["kind"] == "InvalidInput"
    for word in words:
        assert word in failed["error"]


@pytest.mark.parametrize("steps", [3, 7, 30, 49, 499])
def test_the_least_strength_that_is_named_draws(model, steps):
    def asked(strength):
        return draw(model[1], "generate", "DDIM", random_image(), masks()["box"], strength, 0,
                    num_inference_steps=steps).operation(0)
    least = float(re.search(r"allowed are (\S+) and above", asked(0.001)["error"])[1])
    assert asked(least)["steps"] == [[0, 1, 1]]
    assert "none would remain" in asked(least - 0.001)["error"]


def test_a_mask_needs_an_image(model):
    _, folder = model
    failed = run_engine(folder, [{"op": "generate", "mask": "mask"} | REQUEST],
                        {"mask": masks()["box"].float()}).operation(0)
    assert failed["kind"] == "InvalidInput"
    assert "mask is given without image" in failed["error"]

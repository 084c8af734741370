"""Consistency models that are told the guidance scale, against diffusers 0.42.1: final latents.

With the LCM scheduler as LatentConsistencyModelPipeline and its sibling for images have it, with
others as the Stable Diffusion pipelines do.
"""
import pytest
import torch
from diffusers import (DDIMScheduler, LatentConsistencyModelImg2ImgPipeline,
                       LatentConsistencyModelPipeline, LCMScheduler,
                       StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline,
                       StableDiffusionPipeline, UNet2DConditionModel)

import tiny_models
from engine_client import run_engine
from probes import relative_error
from summary import record
from test_image_inputs import SIZE, masks, pil, random_image

TOLERANCE = 1e-4
SCHEDULERS = {"LCM": LCMScheduler, "DDIM": DDIMScheduler}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    pipeline = tiny_models.build("consistency")
    with torch.no_grad():  # so that the guidance scale shows
        pipeline.unet.time_embedding.cond_proj.weight.mul_(10)
    return pipeline, tiny_models.save(pipeline, tmp_path_factory.mktemp("models") / "consistency")


def reference(model, kind, scheduler, seed, **request):
    pipeline, folder = model
    parts = pipeline.components | {
        "scheduler": SCHEDULERS[scheduler].from_pretrained(folder / "scheduler")}
    reference = kind(requires_safety_checker=False, **parts)
    reference.set_progress_bar_config(disable=True)
    return reference(prompt="a red apple", output_type="latent",
                     generator=torch.Generator().manual_seed(seed), **request).images


def operation(out, **request):
    return {"op": "latents", "out": out, "prompt": "a red apple", "width": SIZE[0],
            "height": SIZE[1]} | request


TEXT_CASES = [(steps, scale) for steps in (1, 2, 4, 8, 33) for scale in (0.0, 1.0, 1.7, 8.5)]


def test_text_to_image(model):
    reply = run_engine(model[1], [
        operation(f"{steps} {scale}", scheduler="LCM", num_inference_steps=steps,
                  guidance_scale=scale, seed=steps) for steps, scale in TEXT_CASES])
    for steps, scale in TEXT_CASES:
        theirs = reference(model, LatentConsistencyModelPipeline, "LCM", steps, width=SIZE[0],
                           height=SIZE[1], num_inference_steps=steps, guidance_scale=scale)
        error = relative_error(reply[f"{steps} {scale}"], theirs)
        record("consistency models", "txt2img", error, unit="requests")
        assert error <= TOLERANCE, (steps, scale)
    assert relative_error(reply["4 1.0"], reply["4 8.5"]) > 0.01


IMAGE_CASES = [(steps, strength) for steps in (1, 4, 7) for strength in (0.15, 0.5, 0.8, 1.0)]


def test_image_to_image(model):
    image = random_image()
    reply = run_engine(model[1], [
        operation(f"{steps} {strength}", scheduler="LCM", num_inference_steps=steps,
                  prompt_strength=strength, guidance_scale=6.0, seed=steps, image="image")
        for steps, strength in IMAGE_CASES], {"image": image.float()})
    for steps, strength in IMAGE_CASES:
        theirs = reference(model, LatentConsistencyModelImg2ImgPipeline, "LCM", steps,
                           image=pil(image), num_inference_steps=steps, strength=strength,
                           guidance_scale=6.0)
        error = relative_error(reply[f"{steps} {strength}"], theirs)
        record("consistency models", "img2img", error, unit="requests")
        assert error <= TOLERANCE, (steps, strength)


@pytest.mark.parametrize("kind", [StableDiffusionPipeline, StableDiffusionImg2ImgPipeline,
                                  StableDiffusionInpaintPipeline])
def test_other_pipelines(model, kind):
    image, mask = random_image(), masks()["box"]
    scheduler = "LCM" if kind is StableDiffusionInpaintPipeline else "DDIM"
    request = {"num_inference_steps": 6, "guidance_scale": 4.0}
    ours, theirs, inputs = {}, {}, {}
    if kind is not StableDiffusionImg2ImgPipeline:
        theirs |= {"width": SIZE[0], "height": SIZE[1]}
    if kind is not StableDiffusionPipeline:
        ours |= {"image": "image", "prompt_strength": 0.7}
        theirs |= {"image": pil(image), "strength": 0.7}
        inputs["image"] = image.float()
    if kind is StableDiffusionInpaintPipeline:
        ours["mask"], theirs["mask_image"] = "mask", pil(mask)
        inputs["mask"] = mask.float()
    reply = run_engine(model[1], [operation("out", scheduler=scheduler, seed=3, **request, **ours)],
                       inputs)
    expected = reference(model, kind, scheduler, 3, **request, **theirs)
    assert relative_error(reply["out"], expected) <= TOLERANCE


def test_several_pictures_share_a_call(model):
    """The scale stands for every picture of a call."""
    request = {"scheduler": "LCM", "num_inference_steps": 4, "num_outputs": 3, "seed": 5}
    reply = run_engine(model[1], [operation("all", together=3, **request),
                                  *(operation(f"{i}", first=i, **request) for i in range(3))])
    alone = torch.cat([reply[f"{i}"] for i in range(3)])
    assert relative_error(reply["all"], alone) <= 1e-5


def test_what_is_said(model):
    image = {"image": random_image().float()}
    base = {"op": "generate", "width": SIZE[0], "height": SIZE[1], "scheduler": "LCM",
            "num_inference_steps": 2}
    reply = run_engine(model[1], [
        base | {"negative_prompt": "blurry"}, base,
        base | {"image": "image", "prompt_strength": 0.01},
        base | {"image": "image", "prompt_strength": 0.1, "num_inference_steps": 9}], image)
    assert "guidance built in" in reply.operation(0)["log"][0]
    assert reply.operation(1)["log"] == []
    assert reply.operation(2)["error"].startswith("prompt_strength is 0.01")
    assert "1 to 5" in reply.operation(3)["error"]
    assert {reply.operation(i)["kind"] for i in (2, 3)} == {"InvalidInput"}


def test_a_width_that_cannot_be_is_refused(tmp_path, model):
    pipeline, _ = model
    config = dict(pipeline.unet.config) | {"time_cond_proj_dim": 3}
    parts = pipeline.components | {"unet": UNet2DConditionModel.from_config(config)}
    folder = tiny_models.save(StableDiffusionPipeline(requires_safety_checker=False, **parts),
                              tmp_path / "narrow")
    assert "time_cond_proj_dim" in run_engine(folder, []).answer["error"]

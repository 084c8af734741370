"""The engine against diffusers 0.42.1, live: same weights, same seed, fp32 on the CPU.

Text embeddings, one UNet step, VAE both ways and whole pipelines, for emoji-sd and for random
miniatures of other layouts: relative error at most 1e-4, pixels within one level on 99.9 %.
"""
import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

import tiny_models
from engine_client import run_engine
from probes import relative_error
from tiny_models import EMOJI_SD, SCHEDULERS, TINY

TOLERANCE = 1e-4
# The others have tests of their own.
OTHERS = ("consistency", "controls", "inpainting", "matrix-4", "matrix-9")
MODELS = ["emoji-sd", *(name for name in TINY if name not in OTHERS)]
PROMPT, NEGATIVE = "a fox on a blue background 🦊", "blurry, cut off"
LONG_PROMPT = "a red apple and a green pear " * 20


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Name to (reference pipeline, folder); built once each."""
    cache = {}

    def get(name):
        if name not in cache:
            pipeline = tiny_models.build(name)
            pipeline.set_progress_bar_config(disable=True)
            folder = EMOJI_SD if name == "emoji-sd" else tiny_models.save(
                pipeline, tmp_path_factory.mktemp("models") / name)
            cache[name] = (pipeline, folder)
        return cache[name]

    return get


def seeded(seed=7):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed):
    return torch.randn(*shape, generator=seeded(seed))


def picture_size(name):
    return TINY[name].size if name in TINY else (128, 128)


@pytest.mark.parametrize("name", MODELS)
def test_text_embeddings(models, name):
    pipeline, folder = models(name)
    prompts = [PROMPT, "", "a red apple"]  # long ones: test_prompts.py
    reply = run_engine(folder, [
        {"op": "text", "out": f"text{i}", "guided": True, "prompt": prompt,
         "negative_prompt": NEGATIVE} for i, prompt in enumerate(prompts)])
    for i, prompt in enumerate(prompts):
        positive, negative = pipeline.encode_prompt(prompt, "cpu", 1, True, NEGATIVE)
        assert relative_error(reply[f"text{i}"], torch.cat([negative, positive])) <= TOLERANCE


@pytest.mark.parametrize("name", ["emoji-sd", "sd2", "deep"])
def test_clip_skip(models, name):
    """hidden_states[-(clip_skip + 1)] and the final norm; the negative prompt keeps all layers."""
    pipeline, folder = models(name)
    encoder = pipeline.text_encoder
    skips = range(encoder.config.num_hidden_layers)
    reply = run_engine(folder, [
        {"op": "text", "out": f"skip{skip}", "guided": True, "prompt": PROMPT, "clip_skip": skip,
         "negative_prompt": NEGATIVE} for skip in skips])
    norm = getattr(encoder, "text_model", encoder).final_layer_norm
    ids = pipeline.tokenizer(PROMPT, padding="max_length", max_length=77,
                             return_tensors="pt").input_ids
    states = encoder(ids, output_hidden_states=True).hidden_states
    negative = pipeline.encode_prompt(PROMPT, "cpu", 1, True, NEGATIVE)[1]
    for skip in skips:
        expected = torch.cat([negative, norm(states[-(skip + 1)])])
        assert relative_error(reply[f"skip{skip}"], expected) <= TOLERANCE
    assert not torch.equal(reply["skip0"], reply["skip1"])


@pytest.mark.parametrize("name", MODELS)
def test_unet_step(models, name):
    """Square, wide and odd latents, whole and fractional timesteps."""
    pipeline, folder = models(name)
    width = pipeline.unet.config.cross_attention_dim
    context = noise(2, 77, width, seed=1)
    cases = [(16, 16, 999), (16, 48, 500), (13, 11, 20.5)]
    inputs = {f"sample{i}": noise(2, 4, height, wide, seed=2 + i)
              for i, (height, wide, _) in enumerate(cases)} | {"context": context}
    reply = run_engine(folder, [
        {"op": "unet", "out": f"out{i}", "sample": f"sample{i}", "context": "context",
         "timestep": timestep} for i, (_, _, timestep) in enumerate(cases)], inputs)
    for i, (_, _, timestep) in enumerate(cases):
        expected = pipeline.unet(inputs[f"sample{i}"], timestep, context).sample
        assert relative_error(reply[f"out{i}"], expected) <= TOLERANCE


@pytest.mark.parametrize("name", MODELS)
def test_vae(models, name):
    pipeline, folder = models(name)
    scale = pipeline.vae_scale_factor
    inputs = {"latents": 3 * noise(1, 4, 16, 12, seed=4),
              "pixels": noise(1, 3, 8 * scale, 6 * scale, seed=5).clamp(-1, 1)}
    reply = run_engine(folder, [{"op": "decode", "latents": "latents"},
                                {"op": "encode", "pixels": "pixels"}], inputs)
    assert relative_error(reply["decode"], pipeline.vae.decode(inputs["latents"]).sample) \
        <= TOLERANCE
    posterior = pipeline.vae.encode(inputs["pixels"]).latent_dist
    assert relative_error(reply["encode.mean"], posterior.mean) <= TOLERANCE
    assert relative_error(reply["encode.logvar"], posterior.logvar) <= TOLERANCE


@pytest.mark.parametrize("name", ["emoji-sd", "sd1", "switches"])
def test_strips_leave_no_seams(models, name):
    """Maps of every size in strips of 8 rows, odd heights too, against one piece."""
    pipeline, folder = models(name)
    scale = pipeline.vae_scale_factor
    inputs = {"latents": 3 * noise(1, 4, 37, 64, seed=4),
              "pixels": noise(1, 3, 33 * scale, 64 * scale, seed=5).clamp(-1, 1)}
    operations = [{"op": "decode", "latents": "latents"}, {"op": "encode", "pixels": "pixels"}]
    whole = run_engine(folder, operations, inputs)
    strips = run_engine(folder, [one | {"strip_limit": 0} for one in operations], inputs)
    for key in ("decode", "encode.mean", "encode.logvar"):
        assert relative_error(strips[key], whole[key]) <= 1e-4
    levels = ((strips["decode"] - whole["decode"]).abs() * 127.5).max()
    assert levels <= 2


def reference_run(model, scheduler, size, **request):
    pipeline, folder = model
    # Given at construction, where diffusers sets clip_sample and steps_offset right.
    pipeline = StableDiffusionPipeline(requires_safety_checker=False, **pipeline.components | {
        "scheduler": SCHEDULERS[scheduler].from_pretrained(folder / "scheduler")})
    pipeline.set_progress_bar_config(disable=True)
    assert not getattr(pipeline.scheduler.config, "clip_sample", False)
    latents = pipeline(generator=seeded(request.pop("seed")), width=size[0], height=size[1],
                       output_type="latent", **request).images
    decoded = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    return latents, np.asarray(pipeline.image_processor.postprocess(decoded)[0])


@pytest.mark.parametrize("guidance_scale", [7.5, 1.0])
@pytest.mark.parametrize("name", MODELS)
def test_pipeline(models, name, guidance_scale):
    folder = models(name)[1]
    size = picture_size(name)
    request = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "num_inference_steps": 6,
               "guidance_scale": guidance_scale, "seed": 1234}
    schedulers = SCHEDULERS if guidance_scale > 1 else ["DDIM"]
    operations = [
        {"op": op, "out": f"{op}-{scheduler}", "scheduler": scheduler, "width": size[0],
         "height": size[1]} | request
        for scheduler in schedulers for op in ("latents", "generate")]
    reply = run_engine(folder, operations)
    for scheduler in schedulers:
        latents, picture = reference_run(models(name), scheduler, size, **request)
        assert relative_error(reply[f"latents-{scheduler}"], latents) <= TOLERANCE, scheduler
        ours = reply[f"generate-{scheduler}.0"].numpy()
        assert ours.shape == picture.shape
        close = np.abs(ours.astype(int) - picture.astype(int)) <= 1
        assert close.mean() >= 0.999, scheduler
        assert ours.std() > 1, "a flat picture shows nothing"


def test_a_full_run_of_the_bundled_model(models):
    """25 steps at native size, the size left to the model, as the README's first command has it."""
    folder = models("emoji-sd")[1]
    request = {"prompt": "a fox on a blue background", "num_inference_steps": 25, "seed": 7}
    reply = run_engine(folder, [{"op": "generate", "scheduler": "DPMSolverMultistep"} | request])
    _, picture = reference_run(models("emoji-sd"), "DPMSolverMultistep", (128, 128), **request)
    close = np.abs(reply["generate.0"].numpy().astype(int) - picture.astype(int)) <= 1
    assert close.mean() >= 0.999


def test_same_seed_same_bytes(models):
    """Alone and after another request the same picture to the byte; as third of four, drawn side by
    side, within a level."""
    _, folder = models("emoji-sd")
    request = {"op": "generate", "prompt": PROMPT, "num_inference_steps": 4}
    other = {"op": "generate", "prompt": "a tree", "scheduler": "PNDM", "width": 64, "height": 192,
             "num_inference_steps": 3, "guidance_scale": 1, "out": "other"}
    reply = run_engine(folder, [
        request | {"seed": 42, "out": "alone"},
        request | {"seed": 40, "num_outputs": 4, "out": "four"},
        other,
        request | {"seed": 42, "out": "after"}])
    fresh = run_engine(folder, [request | {"seed": 42, "out": "alone"}])
    alone = reply["alone.0"]
    beside = (alone.int() - reply["four.2"].int()).abs() <= 1
    assert beside.double().mean() >= 0.999
    assert torch.equal(alone, reply["after.0"])
    assert torch.equal(alone, fresh["alone.0"])
    assert not torch.equal(alone, reply["four.1"])


def test_steps_are_reported(models):
    _, folder = models("sd1")
    request = {"op": "generate", "num_inference_steps": 4, "num_outputs": 2, "width": 64,
               "height": 64}
    reply = run_engine(folder, [request | {"scheduler": name} for name in SCHEDULERS])
    for index in range(len(SCHEDULERS)):
        steps = reply.operation(index)["steps"]
        assert steps == [[0, step, 4] for step in (1, 2, 3, 4)], "drawn side by side"


def test_cancel_ends_at_the_next_step(models):
    _, folder = models("sd1")
    reply = run_engine(folder, [
        {"op": "generate", "num_inference_steps": 50, "cancel_at": 3, "width": 64, "height": 64},
        {"op": "generate", "num_inference_steps": 2, "width": 64, "height": 64, "out": "next"}])
    canceled = reply.operation(0)
    assert canceled["kind"] == "Canceled"
    assert [step for _, step, _ in canceled["steps"]] == [1, 2, 3]
    assert "error" not in reply.operation(1), "the next request is not harmed"
    assert reply.images("generate") == []


def test_long_prompts_go_in_blocks_and_it_is_said(models):
    _, folder = models("sd1")
    request = {"op": "generate", "num_inference_steps": 1, "width": 64, "height": 64}
    reply = run_engine(folder, [request | {"prompt": LONG_PROMPT}, request | {"prompt": PROMPT}])
    lines = reply.operation(0)["log"]
    assert len(lines) == 1 and "prompt" in lines[0] and "blocks of 77" in lines[0]
    assert reply.operation(1)["log"] == []


@pytest.mark.parametrize("wrong, words", [
    ({"width": 100}, ["width", "100", "multiples of"]),
    ({"height": -8}, ["height", "-8", "multiples of"]),
    ({"width": 1024, "height": 1024}, ["width x height", "1048576", "786432"]),
    ({"num_inference_steps": 0}, ["num_inference_steps", "0", "1 to 500"]),
    ({"num_inference_steps": -3}, ["num_inference_steps", "-3", "1 to 500"]),
    ({"num_outputs": 11}, ["num_outputs", "11", "1 to 10"]),
    ({"clip_skip": 3}, ["clip_skip", "3", "0 to 2"]),
    ({"guidance_scale": -1.0}, ["guidance_scale", "-1"]),
    ({"prompt": "fox withLora(fur, 0.5)"}, ["prompt", "withLora", "fur@0.5", "lora"]),
    ({"prompt": "a AND b", "prompt_syntax": "a1111"}, ["prompt", "AND", "character 3"]),
    ({"prompt": "a [b:c:0.5]", "prompt_syntax": "a1111"}, ["prompt", "[b:c:0.5]", "steps"]),
    ({"negative_prompt": "<lora:fur:0.5>"}, ["negative_prompt", "fur@0.5", "lora"]),
    ({"prompt": "<lora:fur:much>"}, ["prompt", "<lora:fur:much>", "one number"]),
    ({"scheduler": "PNDM", "eta": 0.5}, ["eta", "PNDM", "DDIM"]),
    ({"scheduler": "DDIM", "eta": 1.5}, ["eta", "1.5", "0 to 1"]),
    ({"guidance_rescale": -0.1}, ["guidance_rescale", "-0.1", "0 to 1"]),
    ({"scheduler": "Nope"}, ["scheduler", "Nope", "DDIM"]),
    ({"scheduler": "DDIM", "karras": True}, ["karras", "DDIM"]),
])
def test_wrong_input_names_itself_and_what_is_allowed(models, wrong, words):
    _, folder = models("emoji-sd")
    failed = run_engine(folder, [{"op": "generate", "num_inference_steps": 1} | wrong]).operation(0)
    assert failed["kind"] == "InvalidInput"
    for word in words:
        assert word.lower() in failed["error"].lower()


def test_two_loads_share_one_pipeline(models):
    _, folder = models("emoji-sd")
    answer = run_engine(folder, []).answer
    assert answer["shared"]
    assert answer["warnings"] == []
    assert answer["info"]["native_size"] == 128
    assert answer["info"]["size_multiple"] == 8
    assert answer["info"]["prediction_type"] == "epsilon"

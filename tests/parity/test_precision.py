"""Reduced precision: weights stored in fp16 and bf16, a pipeline computed in bf16, weights of
prompts that no dtype may turn into infinities."""
import math
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file

import tiny_models
from engine_client import run_engine
from probes import relative_error
from tiny_models import EMOJI_SD

REQUEST = {"prompt": "a fox on a blue background", "negative_prompt": "blurry", "seed": 7,
           "num_inference_steps": 20, "width": 128, "height": 128, "scheduler": "DDIM"}
needs_bf16 = pytest.mark.skipif(
    "avx512_bf16" not in Path("/proc/cpuinfo").read_text(),
    reason="this CPU does not compute bf16 (avx512_bf16), so the engine refuses it")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["fp16", "bf16"])
@pytest.mark.filterwarnings("ignore")
def test_weights_stored_in_half_the_bits(tmp_path, dtype):
    """Read as they are stored and computed in fp32, as diffusers does with the same files."""
    folder = tiny_models.save(tiny_models.build("sd2"), tmp_path / "model")
    for file in folder.rglob("*.safetensors"):
        save_file({name: tensor.to(dtype) for name, tensor in load_file(file).items()}, file)
    pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32,
                                                       safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    asked = {"prompt": "a red apple", "num_inference_steps": 3, "width": 16, "height": 16}
    theirs = pipeline(output_type="latent", generator=torch.Generator().manual_seed(3),
                      guidance_scale=4.0, **asked).images
    ours = run_engine(folder, [asked | {
        "op": "latents", "out": "x", "seed": 3, "guidance_scale": 4.0, "scheduler": "PNDM"}])
    pipeline_scheduler = type(pipeline.scheduler).__name__
    assert pipeline_scheduler == "PNDMScheduler", "the miniature's own scheduler"
    assert relative_error(ours["x"], theirs) <= 1e-4


def psnr(ours, reference):
    error = (ours.double() - reference.double()).square().mean().item()
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


@needs_bf16
def test_a_picture_computed_in_bf16():
    asked = [REQUEST | {"op": "generate", "out": "x"}]
    exact = run_engine(EMOJI_SD, asked).images("x")[0]
    rounded = run_engine(EMOJI_SD, asked, dtype="bf16").images("x")[0]
    quality = psnr(rounded, exact)
    print(f"bf16 against fp32 after 20 steps: {quality:.1f} dB")
    assert quality >= 25


WEIGHTED = [
    ("(fox)0 (dog)0 cat", "compel"), ("(fox)1000 (dog)-1000", "compel"),
    ("(\"a fox\", \"a dog\").blend(1, -1, no_normalize)", "compel"),
    ("(\"a fox\", \"a dog\").blend(1, -0.999)", "compel"), ("(fox)0.00001 " * 20, "compel"),
    ("(\"a\", \"b\").and(1000, -1000)", "compel"), ("(fox:1000) (dog:-1000)", "a1111"),
    ("(fox:0) (dog:0)", "a1111"), ("(a fox on a blue background:-1)", "a1111"),
]


@pytest.mark.parametrize("dtype", ["fp32", pytest.param("bf16", marks=needs_bf16)])
def test_weights_of_prompts_never_overflow(dtype):
    reply = run_engine(EMOJI_SD, [
        {"op": "text", "out": str(i), "prompt": prompt, "prompt_syntax": syntax,
         "negative_prompt": prompt, "guided": True}
        for i, (prompt, syntax) in enumerate(WEIGHTED)], dtype=dtype)
    for i, (prompt, _) in enumerate(WEIGHTED):
        assert reply[str(i)].isfinite().all(), prompt


@needs_bf16
def test_weighting_is_computed_in_fp32_at_any_dtype():
    """What bf16 adds is the rounding of the encoder, not that of the weights."""
    prompts = ["a fox", "a (fox)1.4 on blue", "(red fox)0.5 (blue dog)0.5", "(a)0.1 dog++"]
    asked = [{"op": "text", "out": str(i), "prompt": p} for i, p in enumerate(prompts)]
    exact, rounded = run_engine(EMOJI_SD, asked), run_engine(EMOJI_SD, asked, dtype="bf16")
    errors = [relative_error(rounded[str(i)].float(), exact[str(i)]) for i in range(len(prompts))]
    assert max(errors[1:]) <= 3 * errors[0], errors

"""LoRAs laid over tiny models: every layout against W + change computed in torch, and those that
diffusers 0.42.1 and peft read against what they make of the same file."""
import copy
import os

import pytest
import torch
from peft import LoHaConfig, LoKrConfig, LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer as LoraTunerLayer
from peft.utils import get_peft_model_state_dict
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

import lora_layouts
import tiny_models
from engine_client import run_engine
from probes import relative_error
from summary import record

TOLERANCE = 2e-5
BLOCK = "down_blocks.0.attentions.0.transformer_blocks.0"
# diffusers' name → the original checkpoint's.
ORIGINAL = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_2": "time_embed.2",
    "down_blocks.0.resnets.1.conv1": "input_blocks.2.0.in_layers.2",
    f"{BLOCK}.attn1.to_q": "input_blocks.1.1.transformer_blocks.0.attn1.to_q",
    f"{BLOCK}.attn2.to_out.0": "input_blocks.1.1.transformer_blocks.0.attn2.to_out.0",
    f"{BLOCK}.ff.net.0.proj": "input_blocks.1.1.transformer_blocks.0.ff.net.0.proj",
    "down_blocks.0.attentions.1.proj_in": "input_blocks.2.1.proj_in",
    "down_blocks.0.downsamplers.0.conv": "input_blocks.3.0.op",
    "down_blocks.1.resnets.0.conv_shortcut": "input_blocks.4.0.skip_connection",
    "mid_block.resnets.1.time_emb_proj": "middle_block.2.emb_layers.1",
    "mid_block.attentions.0.transformer_blocks.0.attn2.to_v":
        "middle_block.1.transformer_blocks.0.attn2.to_v",
    "up_blocks.0.upsamplers.0.conv": "output_blocks.2.1.conv",
    "up_blocks.1.upsamplers.0.conv": "output_blocks.5.2.conv",
    "up_blocks.2.resnets.2.conv2": "output_blocks.8.0.out_layers.3",
    "up_blocks.2.attentions.0.proj_out": "output_blocks.6.1.proj_out",
    "conv_out": "out.2",
}
TEXT = ["text_model.encoder.layers.0.self_attn.q_proj",
        "text_model.encoder.layers.1.self_attn.out_proj", "text_model.encoder.layers.2.mlp.fc1"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    pipeline = tiny_models.build("sd1")
    return pipeline, tiny_models.save(pipeline, tmp_path_factory.mktemp("models") / "sd1")


def text_module(text_encoder, name):
    """transformers 5 has no `text_model` between the model and its encoder."""
    modules = dict(text_encoder.named_modules())
    return modules.get(name) or modules[name.removeprefix("text_model.")]


def weights_of(pipeline, unet=tuple(ORIGINAL), text=tuple(TEXT)):
    modules = dict(pipeline.unet.named_modules())
    return {f"unet.{name}": modules[name].weight.detach() for name in unet} | \
        {f"text_encoder.{name}": text_module(pipeline.text_encoder, name).weight.detach()
         for name in text}


def changed(pipeline, changes, scale=1.0):
    """The pipeline's unet and text encoder with `changes` added to their weights."""
    unet, text_encoder = copy.deepcopy(pipeline.unet), copy.deepcopy(pipeline.text_encoder)
    modules = dict(unet.named_modules())
    for name, change in changes.items():
        model, _, module = name.partition(".")
        target = modules[module] if model == "unet" else text_module(text_encoder, module)
        with torch.no_grad():
            target.weight += scale * change
    return unet, text_encoder


def inputs(seed=0):
    g = torch.Generator().manual_seed(seed)
    return {"sample": torch.randn(2, 4, 16, 16, generator=g),
            "context": torch.randn(2, 9, 32, generator=g)}


def outputs(pipeline, unet, text_encoder):
    given = inputs()
    ids = pipeline.tokenizer("a red apple", padding="max_length", return_tensors="pt").input_ids
    with torch.no_grad():
        return {"unet": unet(given["sample"], 321, given["context"]).sample,
                "text": text_encoder(ids)[0]}


def ours(folder, *loras, **options):
    loras = [{"file": str(file), "name": "style", "scale": scale} for file, scale in loras]
    return run_engine(folder, [
        {"op": "unet", "sample": "sample", "context": "context", "timestep": 321, "loras": loras},
        {"op": "text", "prompt": "a red apple", "loras": loras}], inputs(), **options)


def check(layout, reply, expected, plain=None):
    for name, value in expected.items():
        error = relative_error(reply[name], value)
        record("LoRAs", layout, error, unit="outputs")
        assert error <= TOLERANCE, name
        if plain is not None:  # the LoRA changes far more than the tolerance allows
            assert relative_error(plain[name], value) > 1e-2, name


@pytest.mark.parametrize("layout, names", [(layout, "diffusers") for layout in lora_layouts.LYCORIS]
                         + [("low_rank", "original"), ("loha", "original")])
def test_a_file_changes_the_weights_as_its_layout_says(model, tmp_path, layout, names):
    pipeline, folder = model
    spell = (lambda name: ORIGINAL.get(name, name)) if names == "original" else None
    weights = weights_of(pipeline)
    if layout.startswith("lokr"):  # factors need even sides
        weights = {name: weight for name, weight in weights.items()
                   if weight.shape[0] % 4 == 0 and weight.shape[1] % 4 == 0}
    tensors, changes = lora_layouts.kohya_file(layout, weights, spell=spell)
    file = tmp_path / "lora.safetensors"
    save_file(tensors, file)
    plain = outputs(pipeline, pipeline.unet, pipeline.text_encoder)
    reply = ours(folder, (file, 0.75))
    check(f"{layout}, {names} names", reply,
          outputs(pipeline, *changed(pipeline, changes, 0.75)), plain)
    assert "log" not in reply.operation(0)


def test_differences_of_biases_and_norms(model, tmp_path):
    pipeline, folder = model
    unet = copy.deepcopy(pipeline.unet)
    modules = dict(unet.named_modules())
    g = torch.Generator().manual_seed(5)
    tensors = {}
    for name, parts in {"mid_block.resnets.0.norm1": ("w_norm", "b_norm"),
                        f"{BLOCK}.norm2": ("diff", "diff_b"), "conv_in": ("diff", "diff_b"),
                        f"{BLOCK}.ff.net.2": (None, "diff_b")}.items():
        for part, tensor in zip(parts, (modules[name].weight, modules[name].bias)):
            if part is None:
                continue
            change = torch.randn(tensor.shape, generator=g) * 0.3
            tensors[f"lora_unet_{name.replace('.', '_')}.{part}"] = change
            with torch.no_grad():
                tensor += change * -0.5
    save_file(tensors, tmp_path / "norms.safetensors")
    reply = ours(folder, (tmp_path / "norms.safetensors", -0.5))
    check("diff of norms and biases", reply, outputs(pipeline, unet, pipeline.text_encoder))


# ---- against diffusers and peft ----

def diffusers_outputs(model, files, scales):
    pipeline, folder = model
    other = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    names = [f"a{i}" for i in range(len(files))]
    for name, file in zip(names, files):
        other.load_lora_weights(file.parent, weight_name=file.name, adapter_name=name)
    other.set_adapters(names, adapter_weights=list(scales))
    return outputs(other, other.unet, other.text_encoder), other


LINEAR = [name for name in ORIGINAL if ".attn" in name or ".ff." in name]


def test_kohya_files_as_diffusers_reads_them(model, tmp_path):
    pipeline, folder = model
    tensors, _ = lora_layouts.kohya_file("low_rank", weights_of(pipeline, LINEAR + [
        "down_blocks.0.resnets.1.conv1", "down_blocks.0.downsamplers.0.conv",
        "down_blocks.0.attentions.1.proj_in"]))
    save_file(tensors, tmp_path / "kohya.safetensors")
    expected, _ = diffusers_outputs(model, [tmp_path / "kohya.safetensors"], [0.6])
    check("kohya, diffusers' reader", ours(folder, (tmp_path / "kohya.safetensors", 0.6)), expected)


def attn_procs_file(pipeline, layout, path):
    """`processor`: as diffusers 0.14 writes; `lora`: as later versions do."""
    weights = weights_of(pipeline, [name for name in ORIGINAL if ".attn" in name], [])
    tensors, g = {}, torch.Generator().manual_seed(3)
    for name, weight in weights.items():
        block, _, projection = name.removesuffix(".0").rpartition(".")
        parts, _ = lora_layouts.without_alpha(weight, g)
        for half in ("down", "up"):
            key = {"processor": f"{block}.processor.{projection}_lora.{half}.weight",
                   "bare": f"{block.removeprefix('unet.')}.processor.{projection}_lora.{half}"
                           ".weight",
                   "lora": f"{name}.lora.{half}.weight"}[layout]
            tensors[key] = parts[f"lora_{half}.weight"]
    for name in TEXT[:2] if layout == "lora" else []:
        parts, _ = lora_layouts.without_alpha(text_module(pipeline.text_encoder, name).weight, g)
        for half in ("down", "up"):
            tensors[f"text_encoder.{name}.lora_linear_layer.{half}.weight"] = \
                parts[f"lora_{half}.weight"].detach()
    save_file(tensors, path)
    return tensors


@pytest.mark.parametrize("layout", ["processor", "bare", "lora"])
def test_diffusers_own_layouts(model, tmp_path, layout):
    pipeline, folder = model
    file = tmp_path / "procs.safetensors"
    tensors = attn_procs_file(pipeline, layout, file)
    known = tmp_path / "known.safetensors"
    # 0.42.1 takes the bare keys of 0.14 only through a removed call: the same file with a prefix.
    save_file({key if key.startswith(("unet.", "text_encoder.")) else f"unet.{key}": value
               for key, value in tensors.items()}, known)
    expected, _ = diffusers_outputs(model, [known], [1.25])
    check(f"diffusers {layout}", ours(folder, (file, 1.25)), expected)


@pytest.mark.parametrize("kind", ["plain", "alpha", "rslora", "dora", "bias"])
def test_files_made_with_peft(model, tmp_path, kind):
    pipeline, folder = model
    other = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    torch.manual_seed(11)
    config = dict(r=3, lora_alpha=3 if kind == "plain" else 5, init_lora_weights=False,
                  use_rslora=kind == "rslora", use_dora=kind == "dora",
                  lora_bias=kind == "bias")
    pattern = {f"{BLOCK}.attn1.to_q": 9} if kind == "alpha" else {}
    targets = ["to_out.0", "proj_in", "conv1", "conv_shortcut", "ff.net.0.proj"]
    if kind != "bias":  # a bias needs a layer that has one
        targets.append("to_q")
    other.unet.add_adapter(LoraConfig(target_modules=targets, alpha_pattern=pattern, **config))
    other.text_encoder.add_adapter(LoraConfig(target_modules=["q_proj", "fc1"], **config))
    expected = outputs(other, other.unet, other.text_encoder)
    metadata = {}
    for name in ("unet", "text_encoder"):
        settings = getattr(other, name).peft_config["default"].to_dict()
        settings["target_modules"] = list(settings["target_modules"])
        metadata[f"{name}_lora_adapter_metadata"] = settings
    StableDiffusionPipeline.save_lora_weights(
        tmp_path, unet_lora_layers=get_peft_model_state_dict(other.unet),
        text_encoder_lora_layers=get_peft_model_state_dict(other.text_encoder), **metadata)
    file = tmp_path / "pytorch_lora_weights.safetensors"
    plain = outputs(pipeline, pipeline.unet, pipeline.text_encoder)
    check(f"PEFT {kind}", ours(folder, (file, 1.0)), expected, plain)
    scaled = ours(folder, (file, 0.4))
    for module in [*other.unet.modules(), *other.text_encoder.modules()]:
        if isinstance(module, LoraTunerLayer):
            module.set_scale("default", 0.4)
    check(f"PEFT {kind}", scaled, outputs(other, other.unet, other.text_encoder))
    # 0.42.1 refuses the biases it wrote; under transformers 5 it loses a text encoder's magnitudes.
    if kind not in ("bias", "dora"):
        check(f"PEFT {kind}", scaled, diffusers_outputs(model, [file], [0.4])[0])


@pytest.mark.parametrize("kind", ["loha", "loha-tucker", "lokr", "lokr-tucker", "lokr-whole"])
def test_lycoris_layouts_made_with_peft(model, tmp_path, kind):
    """peft writes LyCORIS' names; its alpha is in its configuration alone, here the rank."""
    pipeline, folder = model
    unet = copy.deepcopy(pipeline.unet)
    targets = dict(target_modules=["to_q", "to_out.0", "conv1", "ff.net.0.proj"], r=4, alpha=4,
                   init_weights=False)
    torch.manual_seed(13)
    if kind.startswith("loha"):
        config = LoHaConfig(use_effective_conv2d=kind.endswith("tucker"), **targets)
    else:
        config = LoKrConfig(use_effective_conv2d=kind.endswith("tucker"), decompose_factor=4,
                            decompose_both=kind == "lokr-tucker",
                            **targets | ({"r": 64, "alpha": 64} if kind == "lokr-whole" else {}))
    inject_adapter_in_model(config, unet)
    file = tmp_path / "lycoris.safetensors"
    save_file({f"base_model.model.{key}": value.contiguous()
               for key, value in get_peft_model_state_dict(unet).items()}, file)
    plain = outputs(pipeline, pipeline.unet, pipeline.text_encoder)
    del plain["text"]
    expected = outputs(pipeline, unet, pipeline.text_encoder)
    del expected["text"]
    check(f"peft's {kind}", ours(folder, (file, 1.0)), expected, plain)


def test_several_at_once_with_their_own_scales(model, tmp_path):
    pipeline, folder = model
    files = [tmp_path / f"{i}.safetensors" for i in range(3)]
    for i, file in enumerate(files):
        tensors, _ = lora_layouts.kohya_file("low_rank", weights_of(pipeline, LINEAR[i:]), seed=i)
        save_file(tensors, file)
    scales = [0.8, -0.5, 1.3]
    expected, other = diffusers_outputs(model, files, scales)
    pairs = list(zip(files, scales))
    reply = ours(folder, *pairs)
    check("three at once", reply, expected)
    turned = ours(folder, *reversed(pairs))
    assert all(torch.equal(turned[name], reply[name]) for name in expected)

    request = dict(prompt="a red apple", negative_prompt="blurry", num_inference_steps=5,
                   guidance_scale=4.0, width=48, height=64)
    other.scheduler = tiny_models.SCHEDULERS["DDIM"].from_pretrained(folder / "scheduler")
    other.set_progress_bar_config(disable=True)
    latents = other(**request, generator=torch.Generator().manual_seed(7), output_type="latent")
    loras = [{"file": str(file), "scale": scale} for file, scale in pairs]
    ours_drawn = run_engine(folder, [request | {"op": "latents", "seed": 7, "scheduler": "DDIM",
                                                "loras": loras}])
    assert relative_error(ours_drawn["latents"], latents.images) <= 1e-4


# ---- switching ----

GENERATE = {"op": "generate", "prompt": "a red apple", "num_inference_steps": 1,
            "guidance_scale": 1.0, "width": 32, "height": 32, "scheduler": "DDIM", "seed": 5}


def test_switching_leaves_no_trace(model, tmp_path):
    pipeline, folder = model
    file = tmp_path / "lora.safetensors"
    save_file(lora_layouts.kohya_file("low_rank", weights_of(pipeline))[0], file)
    lora = {"loras": [{"file": str(file), "scale": 1.0}]}
    zero = {"loras": [{"file": str(file), "scale": 0.0}]}
    request = GENERATE | {"num_inference_steps": 3, "guidance_scale": 5.0, "width": 64}
    reply = run_engine(folder, [request | extra | {"out": f"{i}"} for i, extra in
                                enumerate([{}, lora, {}, lora, zero])])
    before, first, after, second, none = (reply.images(str(i))[0] for i in range(5))
    assert torch.equal(before, after) and torch.equal(first, second) and torch.equal(before, none)
    assert not torch.equal(before, first)


@pytest.mark.parametrize("lora_bytes", [1 << 30, 400_000, 0])
def test_memory_stays_flat_over_switches(model, tmp_path, lora_bytes):
    """Whether variants are all kept, sometimes dropped or never kept."""
    pipeline, folder = model
    files = [tmp_path / f"{i}.safetensors" for i in range(4)]
    for i, file in enumerate(files):
        save_file(lora_layouts.kohya_file("low_rank", weights_of(pipeline), seed=i)[0], file)
    switches = 500 if os.environ.get("DREAM_FULL") else 50
    reply = run_engine(folder, [
        GENERATE | {"out": str(i % 5), "loras": [{"file": str(files[i % 5]), "scale": 0.5}]
                    if i % 5 < 4 else []} for i in range(switches + 20)], lora_bytes=lora_bytes)
    reply["0.0"]
    held = [operation["resident_bytes"] for operation in reply.answer["operations"]]
    assert held[-1] - held[20] < 4 << 20, f"grew by {held[-1] - held[20]} bytes"


# ---- what the user is told ----

def failure(folder, file, name="style", scale=1.0):
    reply = run_engine(folder, [GENERATE | {"loras": [
        {"file": str(file), "name": name, "scale": scale}]}])
    assert reply.operation(0)["kind"] == "InvalidInput"
    return reply.operation(0)["error"]


def test_keys_that_fit_nothing_are_named(model, tmp_path):
    pipeline, folder = model
    tensors, _ = lora_layouts.kohya_file("low_rank", weights_of(pipeline, LINEAR[:1], []))
    other, _ = lora_layouts.kohya_file("low_rank", weights_of(pipeline, LINEAR[1:3], []))
    tensors |= {key.replace("lora_unet_", "lora_te2_"): value for key, value in other.items()}
    tensors["something.else"] = torch.ones(1)
    tensors[f"lora_unet_{LINEAR[0].replace('.', '_')}.diff_b"] = torch.ones(32)  # has no bias
    file = tmp_path / "partly.safetensors"
    save_file(tensors, file)
    request = GENERATE | {"loras": [{"file": str(file), "name": "style"}]}
    reply = run_engine(folder, [request, request])
    for i in range(2):  # also when the variant is already there
        line, = reply.operation(i)["log"]
        assert line.startswith('lora "style" (partly.safetensors): 8 of its keys fit no layer')
        assert "something.else" in line and "lora_te2_" in line and line.endswith(", …")


def test_files_that_cannot_be_used(model, tmp_path):
    pipeline, folder = model
    file = tmp_path / "x.safetensors"
    name = LINEAR[0].replace(".", "_")
    down, up = f"lora_unet_{name}.lora_down.weight", f"lora_unet_{name}.lora_up.weight"

    def error(tensors):
        save_file(tensors, file)
        return failure(folder, file)

    text = error({down: torch.ones(2, 99), up: torch.ones(32, 2)})
    assert '"style" (x.safetensors) does not fit this model' in text
    assert down in text and "[32, 99]" in text and "[32, 32]" in text
    assert f"{LINEAR[0]}.weight" in text
    assert "without \"up\"" in error({down: torch.ones(2, 32)})
    assert "ranks" in error({down: torch.ones(2, 32), up: torch.ones(32, 3)})
    broken = error({down: torch.full((2, 32), float("nan")), up: torch.ones(32, 2)})
    assert f'"{down}" holds NaN or infinite values' in broken
    assert "fits no layer of this model" in error({"lora_te2_x.lora_down.weight": torch.ones(1, 1),
                                                   "lora_te2_x.lora_up.weight": torch.ones(1, 1)})
    assert "is no LoRA: it has no tensor of a LoRA's names" in error({"a": torch.ones(1)})
    unet = folder / "unet" / "diffusion_pytorch_model.safetensors"
    assert "is no LoRA: it holds a UNet2DConditionModel" in failure(folder, unet)
    file.write_bytes(b"not a weight file")
    assert 'lora "style" (x.safetensors) cannot be read' in failure(folder, file)
    assert "No such file" in failure(folder, tmp_path / "none.safetensors")
    for scale in (11, -10.5):
        assert "allowed are -10 to 10" in failure(folder, file, scale=scale)


def test_half_precision_patches_the_files_own_values(model, tmp_path):
    """W + change is formed in fp32 and rounded once."""
    pipeline, folder = model
    tensors, changes = lora_layouts.kohya_file("low_rank", weights_of(pipeline))
    save_file(tensors, tmp_path / "lora.safetensors")
    loras = [{"file": str(tmp_path / "lora.safetensors")}]
    request = {"op": "generate", "prompt": "a red apple", "num_inference_steps": 3, "seed": 5,
               "width": 64, "height": 64, "loras": loras}
    folder16 = tiny_models.save(StableDiffusionPipeline(
        **pipeline.components | dict(zip(("unet", "text_encoder"), changed(pipeline, changes))),
        requires_safety_checker=False), tmp_path / "fused")
    laid_over = run_engine(folder, [request], dtype="bf16").images("generate")[0]
    fused = run_engine(folder16, [request | {"loras": []}], dtype="bf16").images("generate")[0]
    assert (laid_over.int() - fused.int()).abs().max() <= 1

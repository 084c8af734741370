"""Single-file checkpoints, output.zip and every writer, against diffusers' own converters, torch
and safetensors. Nothing may differ by a bit: conversion only renames."""
import json
import shutil
import subprocess
import zipfile

import pytest
import torch
from diffusers import (AutoencoderKL, PNDMScheduler, StableDiffusionInpaintPipeline,
                       StableDiffusionPipeline, UNet2DConditionModel)
from diffusers.loaders.single_file_utils import (convert_ldm_clip_checkpoint,
                                                 convert_ldm_unet_checkpoint,
                                                 convert_ldm_vae_checkpoint,
                                                 convert_open_clip_checkpoint)
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from engine_client import run_engine
from probes import ROOT, program

VOCABULARY = ROOT / "weights" / "clip_vocabulary"
CROSS_DOWN, DOWN, CROSS_UP, UP = ("CrossAttnDownBlock2D", "DownBlock2D", "CrossAttnUpBlock2D",
                                  "UpBlock2D")


def make(folder, version_2=False, in_channels=4, seed=0):
    """A small model whose heads are as a checkpoint implies them: 8, or one per 64 channels."""
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=96 if version_2 else 64, in_channels=in_channels, out_channels=4,
        layers_per_block=2, block_out_channels=(64, 128, 128, 128), cross_attention_dim=64,
        down_block_types=(CROSS_DOWN, CROSS_DOWN, CROSS_DOWN, DOWN),
        up_block_types=(UP, CROSS_UP, CROSS_UP, CROSS_UP), use_linear_projection=version_2,
        attention_head_dim=[1, 2, 2, 2] if version_2 else 8)
    vae = AutoencoderKL(block_out_channels=(32, 64, 64, 64), layers_per_block=2, latent_channels=4,
                        down_block_types=("DownEncoderBlock2D",) * 4,
                        up_block_types=("UpDecoderBlock2D",) * 4)
    text = CLIPTextModel(CLIPTextConfig(
        hidden_size=64, intermediate_size=256, num_hidden_layers=2, num_attention_heads=1,
        hidden_act="gelu" if version_2 else "quick_gelu", vocab_size=49408, projection_dim=64,
        bos_token_id=49406, eos_token_id=49407, pad_token_id=0 if version_2 else 49407))
    tokenizer = CLIPTokenizer.from_pretrained(
        VOCABULARY, pad_token="!" if version_2 else "<|endoftext|>")
    scheduler = PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True,
        set_alpha_to_one=False, steps_offset=1,
        prediction_type="v_prediction" if version_2 else "epsilon")
    kind = StableDiffusionInpaintPipeline if in_channels == 9 else StableDiffusionPipeline
    kind(vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=scheduler,
         safety_checker=None, feature_extractor=None,
         requires_safety_checker=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {"sd1": make(root / "sd1"), "sd2": make(root / "sd2", version_2=True, seed=1),
            "inpaint": make(root / "inpaint", in_channels=9, seed=2)}


def convert(source, target, *options, fails=False):
    done = subprocess.run([program("dream"), "weights", "convert", str(source), str(target),
                           *options], capture_output=True, text=True, timeout=300)
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr


def same(actual, expected):
    assert sorted(actual) == sorted(expected)
    for name, tensor in expected.items():
        assert actual[name].dtype == tensor.dtype and actual[name].shape == tensor.shape, name
        assert torch.equal(actual[name], tensor), name


def with_prefix(tensors):
    return {name if name.startswith("text_model.") else "text_model." + name: tensor
            for name, tensor in tensors.items()}


def components(folder):
    return {"unet": load_file(folder / "unet" / "diffusion_pytorch_model.safetensors"),
            "vae": load_file(folder / "vae" / "diffusion_pytorch_model.safetensors"),
            "text_encoder": with_prefix(load_file(folder / "text_encoder" / "model.safetensors"))}


@pytest.fixture(scope="module")
def checkpoints(models, tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    files = {name: root / f"{name}.safetensors" for name in models}
    for name, file in files.items():
        convert(models[name], file, "--format", "single-file")
    return files


def test_diffusers_reads_the_checkpoints_we_write(models, checkpoints):
    for name, file in checkpoints.items():
        checkpoint, whole = load_file(file), components(models[name])
        config = json.loads((models[name] / "unet" / "config.json").read_text())
        same(convert_ldm_unet_checkpoint(checkpoint, config), whole["unet"])
        config = json.loads((models[name] / "vae" / "config.json").read_text())
        converted = {key: value.reshape(whole["vae"][key].shape) for key, value in
                     convert_ldm_vae_checkpoint(checkpoint, config).items()}
        same(converted, whole["vae"])
        if name == "sd2":
            model = CLIPTextModel.from_pretrained(models[name] / "text_encoder")
            text = convert_open_clip_checkpoint(model, checkpoint)
        else:
            text = convert_ldm_clip_checkpoint(checkpoint)
        same(with_prefix(text), whole["text_encoder"])


def test_from_single_file_makes_the_same_pipeline(models, checkpoints):
    pipeline = StableDiffusionPipeline.from_single_file(
        str(checkpoints["sd1"]), config=str(models["sd1"]), local_files_only=True)
    whole = components(models["sd1"])
    same(pipeline.unet.state_dict(), whole["unet"])
    same(pipeline.vae.state_dict(), whole["vae"])


def test_back_to_diffusers_is_bit_equal(models, checkpoints, tmp_path):
    for name, file in checkpoints.items():
        convert(file, tmp_path / name, "--format", "diffusers")
        back, whole = components(tmp_path / name), components(models[name])
        for component in whole:
            same(back[component], whole[component])
        for component in ("unet", "vae", "text_encoder"):
            ours = json.loads((tmp_path / name / component / "config.json").read_text())
            theirs = json.loads((models[name] / component / "config.json").read_text())
            for key in ("block_out_channels", "layers_per_block", "cross_attention_dim",
                        "attention_head_dim", "in_channels", "out_channels", "down_block_types",
                        "up_block_types", "use_linear_projection", "sample_size", "hidden_size",
                        "num_hidden_layers", "num_attention_heads", "intermediate_size",
                        "hidden_act", "latent_channels", "vocab_size"):
                if component == "vae" and key == "sample_size":
                    continue  # no part of what the model computes
                assert ours.get(key) == theirs.get(key), (name, component, key)
        pipeline = (StableDiffusionInpaintPipeline if name == "inpaint"
                    else StableDiffusionPipeline).from_pretrained(tmp_path / name)
        prediction = "v_prediction" if name == "sd2" else "epsilon"
        assert pipeline.scheduler.config.prediction_type == prediction
        original = CLIPTokenizer.from_pretrained(models[name] / "tokenizer")
        prompt = "A café, 42 Foxes — and a ‘cat’!"
        options = {"padding": "max_length", "truncation": True}
        assert pipeline.tokenizer(prompt, **options).input_ids == original(prompt,
                                                                          **options).input_ids


def generate(model):
    reply = run_engine(model, [{"op": "generate", "out": "picture", "prompt": "a fox", "seed": 7,
                                "num_inference_steps": 2, "width": 64, "height": 64}],
                       vocabulary=str(VOCABULARY))
    assert "error" not in reply.answer, reply.answer
    assert "error" not in reply.operation(0), reply.operation(0)
    return reply.images("picture")


def zipped(folder, target, prefix="", compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(target, "w", compression) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, prefix + str(path.relative_to(folder)))
    return target


def test_every_form_draws_the_same_picture(models, checkpoints, tmp_path):
    expected = generate(models["sd1"])
    torch_file = tmp_path / "model.ckpt"
    torch.save({"state_dict": load_file(checkpoints["sd1"]), "global_step": 840000}, torch_file)
    old_bin = tmp_path / "bin"
    convert(models["sd1"], old_bin, "--format", "bin")
    forms = [checkpoints["sd1"], torch_file, old_bin,
             zipped(models["sd1"], tmp_path / "output.zip"),
             zipped(models["sd1"], tmp_path / "nested.zip", "model/"),
             zipped(old_bin, tmp_path / "deflated.zip", compression=zipfile.ZIP_DEFLATED)]
    convert(models["sd1"], tmp_path / "ours.zip", "--format", "safetensors")
    convert(models["sd1"], tmp_path / "shards", "--format", "safetensors", "--shard-size", "2MB")
    forms += [tmp_path / "ours.zip", tmp_path / "shards",
              zipped(tmp_path / "shards", tmp_path / "shards.zip")]
    assert len(list((tmp_path / "shards" / "unet").glob("*-of-*.safetensors"))) > 3
    for form in forms:
        pictures = generate(form)
        assert torch.equal(pictures[0], expected[0]), form
    convert(checkpoints["sd2"], tmp_path / "sd2", "--format", "diffusers")
    assert torch.equal(generate(checkpoints["sd2"])[0], generate(models["sd2"])[0])


def test_what_a_version_2_file_does_not_say(models, checkpoints, tmp_path):
    tensors = load_file(checkpoints["sd2"])
    bare = tmp_path / "bare.safetensors"
    save_file(tensors, bare)
    assert "taken as v_prediction" in convert(bare, tmp_path / "v", "--format", "diffusers")

    def prediction(folder):
        return json.loads((folder / "scheduler" / "scheduler_config.json").read_text())[
            "prediction_type"]

    assert prediction(tmp_path / "v") == "v_prediction"
    convert(bare, tmp_path / "said", "--format", "diffusers", "--prediction-type", "epsilon")
    assert prediction(tmp_path / "said") == "epsilon"
    assert json.loads((tmp_path / "said" / "unet" / "config.json").read_text())[
        "sample_size"] == 64
    (tmp_path / "bare.yaml").write_text('model:\n  params:\n    parameterization: "v"\n')
    assert "taken as" not in convert(bare, tmp_path / "yaml", "--format", "diffusers")
    assert prediction(tmp_path / "yaml") == "v_prediction"
    (tmp_path / "bare.yaml").write_text("model:\n  params:\n    linear_start: 0.00085\n")
    convert(bare, tmp_path / "eps", "--format", "diffusers")
    assert prediction(tmp_path / "eps") == "epsilon"
    base = tmp_path / "base.ckpt"
    torch.save({"state_dict": tensors, "global_step": 875000}, base)
    convert(base, tmp_path / "base", "--format", "diffusers")
    assert prediction(tmp_path / "base") == "epsilon"


def test_averaged_weights_are_taken_on_request(checkpoints, tmp_path):
    tensors = load_file(checkpoints["sd1"])
    prefix = "model.diffusion_model."
    ema = {"model_ema." + "".join(name.split(".")[1:]): tensor + 1
           for name, tensor in tensors.items() if name.startswith(prefix)}
    file = tmp_path / "ema.ckpt"
    extra = {"betas": torch.zeros(1000), "model_ema.decay": torch.tensor(0.9999),
             "model_ema.num_updates": torch.tensor(3)}
    torch.save({"state_dict": tensors | ema | extra, "epoch": 3}, file)
    notes = convert(file, tmp_path / "plain", "--format", "diffusers")
    assert "belong to no part" not in notes
    convert(file, tmp_path / "ema", "--format", "diffusers", "--ema")
    plain = components(tmp_path / "plain")["unet"]
    averaged = components(tmp_path / "ema")["unet"]
    config = json.loads((tmp_path / "plain" / "unet" / "config.json").read_text())
    checkpoint = torch.load(file, weights_only=True)["state_dict"]
    same(averaged, convert_ldm_unet_checkpoint(checkpoint, config, extract_ema=True))
    same(plain, convert_ldm_unet_checkpoint(checkpoint, config))
    assert "holds no averaged UNet" in convert(checkpoints["sd1"], tmp_path / "none", "--format",
                                               "diffusers", "--ema", fails=True)


def test_files_keep_their_names_and_bits(checkpoints, tmp_path):
    tensors = load_file(checkpoints["sd1"])
    tensors |= {"half": torch.randn(3, 5).half(), "brain": torch.randn(7).bfloat16(),
                "ids": torch.arange(77)[None], "bytes": torch.arange(9, dtype=torch.uint8),
                "empty": torch.zeros(0, 4), "scalar": torch.tensor(2.5),
                "flag": torch.tensor([True])}
    source = tmp_path / "all.safetensors"
    save_file(tensors, source, {"note": "kept"})
    convert(source, tmp_path / "all.bin", "--format", "bin")
    same(torch.load(tmp_path / "all.bin", weights_only=True), tensors)
    convert(tmp_path / "all.bin", tmp_path / "again.safetensors", "--format", "safetensors")
    same(load_file(tmp_path / "again.safetensors"), tensors)
    convert(source, tmp_path / "copy.safetensors", "--format", "safetensors")
    with safe_open(tmp_path / "copy.safetensors", "pt") as file:
        assert file.metadata()["note"] == "kept"
    with zipfile.ZipFile(tmp_path / "all.bin") as archive:
        assert archive.testzip() is None  # every checksum
        with open(tmp_path / "all.bin", "rb") as raw:
            for info in archive.infolist():
                raw.seek(info.header_offset + 26)
                name, extra = (int.from_bytes(raw.read(2), "little") for _ in range(2))
                assert (info.header_offset + 30 + name + extra) % 64 == 0, info.filename


def test_precision_is_rounded_as_torch_rounds(checkpoints, tmp_path):
    tensors = load_file(checkpoints["sd1"]) | {"ids": torch.arange(5),
                                               "large": torch.tensor([1e6, 2.0])}
    source = tmp_path / "all.safetensors"
    save_file(tensors, source)
    for name, dtype in (("fp16", torch.float16), ("bf16", torch.bfloat16)):
        notes = convert(source, tmp_path / f"{name}.safetensors", "--format", "safetensors",
                        "--dtype", name)
        assert ("'large' are too large for F16" in notes) == (name == "fp16")
        same(load_file(tmp_path / f"{name}.safetensors"),
             {key: tensor.to(dtype) if tensor.is_floating_point() else tensor
              for key, tensor in tensors.items()})
        convert(tmp_path / f"{name}.safetensors", tmp_path / f"{name}-32.safetensors", "--format",
                "safetensors", "--dtype", "fp32")
        same(load_file(tmp_path / f"{name}-32.safetensors"),
             {key: tensor.to(dtype).float() if tensor.is_floating_point() else tensor
              for key, tensor in tensors.items()})


def test_what_is_no_model_is_named(models, checkpoints, tmp_path):
    lora = tmp_path / "lora.safetensors"
    save_file({"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": torch.zeros(4, 8),
               "lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight": torch.zeros(8, 4)},
              lora)
    answer = run_engine(lora, [], vocabulary=str(VOCABULARY)).answer
    assert "holds no whole model (LoRA" in answer["error"]
    assert "is no whole model" in convert(lora, tmp_path / "x", "--format", "diffusers", fails=True)
    tensors = load_file(checkpoints["sd1"])
    del tensors["first_stage_model.decoder.conv_in.weight"]
    broken = tmp_path / "broken.safetensors"
    save_file(tensors, broken)
    assert "lacks 'first_stage_model.decoder.conv_in.weight'" in convert(
        broken, tmp_path / "y", "--format", "diffusers", fails=True)
    assert not (tmp_path / "y").exists()
    (tmp_path / "full").mkdir()
    shutil.copy(lora, tmp_path / "full")
    assert "is there already" in convert(models["sd1"], tmp_path / "full", "--format", "bin",
                                         fails=True)
    assert "the name says torch" in convert(lora, tmp_path / "z.ckpt", "--format", "safetensors",
                                            fails=True)

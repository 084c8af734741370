"""ControlNets, T2I-Adapters and style adapters against diffusers 0.42.1, live: final latents.

What diffusers does not combine (adapters with ControlNets, styles) is written here as a plain loop
over its models.
"""
import json
import subprocess

import pytest
import torch
from diffusers import (ControlNetModel, DDIMScheduler, MultiAdapter, PNDMScheduler,
                       StableDiffusionAdapterPipeline,
                       StableDiffusionControlNetImg2ImgPipeline,
                       StableDiffusionControlNetInpaintPipeline,
                       StableDiffusionControlNetPipeline, T2IAdapter)
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModel

import control_models
import tiny_models
from control_models import original_adapter_name, original_controlnet_name
from engine_client import run_engine
from probes import program, relative_error

TOLERANCE = 1e-4
MODELS = ["sd1", "sd2", "plain-middle", "no-middle", "controls"]
REQUEST = {"prompt": "a red apple", "negative_prompt": "blurry", "num_inference_steps": 5,
           "guidance_scale": 4.0, "seed": 11}
SCHEDULERS = {"DDIM": DDIMScheduler, "PNDM": PNDMScheduler}


class Model:
    """A miniature with two ControlNets, their folders and three pictures of its size."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.pipeline = tiny_models.build(name)
        tiny_models.save(self.pipeline, folder / "model")
        self.width, self.height = tiny_models.TINY[name].size
        # Without one for models whose layers differ from level to level: diffusers has none either.
        seeds = (1, 2) if isinstance(self.pipeline.unet.config.layers_per_block, int) else ()
        self.nets = [control_models.controlnet(self.pipeline, seed) for seed in seeds]
        for place, net in enumerate(self.nets):
            net.save_pretrained(folder / f"net{place}")
        self.pictures = {f"picture{seed}": self.picture(seed) for seed in range(3)}

    def picture(self, seed, channels=3):
        random = torch.Generator().manual_seed(seed)
        values = torch.rand(1, channels, 6, 5, generator=random)
        large = torch.nn.functional.interpolate(values, (self.height, self.width), mode="bicubic")
        return (large.clamp(0, 1) * 255).round()[0].permute(1, 2, 0)

    def pil(self, name):
        return Image.fromarray(self.pictures[name].to(torch.uint8).numpy())

    def mask(self):
        mask = torch.zeros(self.height, self.width)
        mask[self.height // 4:self.height // 2, self.width // 4:] = 255
        return mask

    def scheduler(self, name):
        return SCHEDULERS[name].from_pretrained(self.folder / "model/scheduler")

    def reference(self, kind, scheduler="DDIM", **more):
        own = {key: value for key, value in more.items() if key in ("controlnet", "adapter")}
        components = self.pipeline.components | {"scheduler": self.scheduler(scheduler)} | own
        if "adapter" in own:
            components.pop("image_encoder", None)
        pipeline = kind(requires_safety_checker=False, **components)
        pipeline.set_progress_bar_config(disable=True)
        arguments = {key: value for key, value in (REQUEST | more).items()
                     if key not in ("seed", *own)}
        return pipeline(output_type="latent", generator=torch.Generator().manual_seed(11),
                        **arguments).images

    def draw(self, controls, op="latents", **more):
        for place, control in enumerate(controls):
            control.setdefault("image", f"picture{place}")
            control.setdefault("weights", str(self.folder / f"net{place}"))
        inputs = self.pictures | {"mask": self.mask()}
        operation = {"op": op, "out": "out", "scheduler": "DDIM", "width": self.width,
                     "height": self.height, "controls": controls} | REQUEST | more
        return run_engine(self.folder / "model", [operation], inputs,
                          clip_vision=str(self.folder / "clip"))

    def latents(self, controls, **more):
        return self.draw(controls, **more)["out"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    cache = {}

    def get(name):
        if name not in cache:
            cache[name] = Model(name, tmp_path_factory.mktemp(name))
        return cache[name]

    return get


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_one_controlnet(models, name, scheduler):
    model = models(name)
    ours = model.latents([{"scale": 0.8}], scheduler=scheduler)
    reference = model.reference(
        StableDiffusionControlNetPipeline, scheduler, controlnet=model.nets[0],
        image=model.pil("picture0"), controlnet_conditioning_scale=0.8)
    assert relative_error(ours, reference) <= TOLERANCE
    assert relative_error(model.latents([], scheduler=scheduler), reference) > 0.01


@pytest.mark.parametrize("name", MODELS)
def test_two_controlnets_with_ranges(models, name):
    model = models(name)
    ours = model.latents([{"scale": 0.7, "start": 0.2}, {"scale": 1.2, "end": 0.6}])
    reference = model.reference(
        StableDiffusionControlNetPipeline, controlnet=model.nets,
        image=[model.pil("picture0"), model.pil("picture1")],
        controlnet_conditioning_scale=[0.7, 1.2], control_guidance_start=[0.2, 0.0],
        control_guidance_end=[1.0, 0.6])
    assert relative_error(ours, reference) <= TOLERANCE


@pytest.mark.parametrize("guidance_scale", [4.0, 1.0])
@pytest.mark.parametrize("name", MODELS)
def test_guess_mode(models, name, guidance_scale):
    model = models(name)
    ours = model.latents([{}], guess_mode=True, guidance_scale=guidance_scale)
    reference = model.reference(
        StableDiffusionControlNetPipeline, controlnet=model.nets[0], image=model.pil("picture0"),
        controlnet_conditioning_scale=1.0, guess_mode=True, guidance_scale=guidance_scale)
    assert relative_error(ours, reference) <= TOLERANCE


@pytest.mark.parametrize("config", [
    dict(global_pool_conditions=True), dict(controlnet_conditioning_channel_order="bgr")])
def test_other_configs(models, config, tmp_path):
    model = models("sd2")
    net = control_models.controlnet(model.pipeline, 5, **config)
    net.save_pretrained(tmp_path)
    ours = model.latents([{"weights": str(tmp_path)}])
    reference = model.reference(StableDiffusionControlNetPipeline, controlnet=net,
                                image=model.pil("picture0"), controlnet_conditioning_scale=1.0)
    assert relative_error(ours, reference) <= TOLERANCE


@pytest.mark.parametrize("name", MODELS)
def test_image_to_image(models, name):
    model = models(name)
    ours = model.latents([{"image": "picture1"}], image="picture0", prompt_strength=0.7)
    reference = model.reference(
        StableDiffusionControlNetImg2ImgPipeline, controlnet=model.nets[0],
        image=model.pil("picture0"), control_image=model.pil("picture1"), strength=0.7,
        controlnet_conditioning_scale=1.0, width=model.width, height=model.height)
    assert relative_error(ours, reference) <= TOLERANCE


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["sd1", "sd2", "plain-middle", "inpainting"])
def test_inpainting(models, name, masked):
    """4- and 9-channel UNets; the -1 of ControlNets made for inpainting."""
    model = models(name)
    control = model.pictures["picture1"].permute(2, 0, 1)[None] / 255
    if masked:
        control = torch.where(model.mask() > 127, -1.0, control)
    ours = model.latents([{"image": "picture1", "masked": masked}], image="picture0",
                         mask="mask", prompt_strength=0.7)
    mask = Image.fromarray(model.mask().to(torch.uint8).numpy())
    reference = model.reference(
        StableDiffusionControlNetInpaintPipeline, controlnet=model.nets[0],
        image=model.pil("picture0"), mask_image=mask, control_image=control, strength=0.7,
        controlnet_conditioning_scale=1.0, width=model.width, height=model.height)
    assert relative_error(ours, reference) <= TOLERANCE


# diffusers adds behind the downsampler of a plain DownBlock2D, where sizes differ: no models that
# have one.
@pytest.mark.parametrize("name, kind, channels", [
    ("sd1", "full_adapter", 3), ("sd1", "light_adapter", 3), ("sd2", "full_adapter", 1),
    ("deep", "full_adapter", 3), ("controls", "full_adapter", 3), ("controls", "light_adapter", 3)])
def test_one_adapter(models, name, kind, channels, tmp_path):
    model = models(name)
    adapter = control_models.adapter(model.pipeline, kind, channels)
    adapter.save_pretrained(tmp_path)
    picture = model.pil("picture0").convert("L" if channels == 1 else "RGB")
    ours = model.latents([{"weights": str(tmp_path), "scale": 0.9}])
    reference = model.reference(StableDiffusionAdapterPipeline, adapter=adapter, image=picture,
                                adapter_conditioning_scale=0.9, width=model.width,
                                height=model.height)
    assert relative_error(ours, reference) <= TOLERANCE
    assert relative_error(model.latents([]), reference) > 0.001


def test_two_adapters(models, tmp_path):
    model = models("sd1")
    adapters = [control_models.adapter(model.pipeline, kind, seed=seed)
                for seed, kind in enumerate(("full_adapter", "light_adapter"))]
    for place, adapter in enumerate(adapters):
        adapter.save_pretrained(tmp_path / str(place))
    ours = model.latents([{"weights": str(tmp_path / "0"), "scale": 0.5},
                          {"weights": str(tmp_path / "1"), "scale": 1.1}])
    multi = MultiAdapter(adapters)
    reference = model.reference(
        StableDiffusionAdapterPipeline, adapter=multi, width=model.width, height=model.height,
        image=[model.pil("picture0"), model.pil("picture1")],
        adapter_conditioning_scale=[0.5, 1.1])
    assert relative_error(ours, reference) <= TOLERANCE


class StyleAdapter(torch.nn.Module):
    """T2I-Adapter's style adapter, from its paper and the layout of its published file."""

    class Block(torch.nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.attn = torch.nn.MultiheadAttention(width, heads, batch_first=True)
            self.ln_1, self.ln_2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
            self.mlp = torch.nn.ModuleDict({"c_fc": torch.nn.Linear(width, 4 * width),
                                            "c_proj": torch.nn.Linear(4 * width, width)})

        def forward(self, x):
            seen = self.ln_1(x)
            x = x + self.attn(seen, seen, seen, need_weights=False)[0]
            inner = self.mlp["c_fc"](self.ln_2(x))
            return x + self.mlp["c_proj"](inner * torch.sigmoid(1.702 * inner))

    def __init__(self, width, context, tokens=3, layers=2):
        super().__init__()
        self.transformer_layes = torch.nn.ModuleList(
            self.Block(width, width // 128) for _ in range(layers))
        self.style_embedding = torch.nn.Parameter(torch.randn(1, tokens, width))
        self.ln_pre, self.ln_post = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.proj = torch.nn.Parameter(torch.randn(width, context) * width ** -0.5)

    def forward(self, x):
        tokens = self.style_embedding.shape[1]
        x = self.ln_pre(torch.cat([x, self.style_embedding], 1))
        for block in self.transformer_layes:
            x = block(x)
        return self.ln_post(x[:, -tokens:]) @ self.proj


def loop(model, *, nets=(), features=None, tokens=None):
    """DDIM with guidance over diffusers' models; everything acts at every step."""
    pipeline, scheduler = model.pipeline, model.scheduler("DDIM")
    scheduler.set_timesteps(REQUEST["num_inference_steps"])
    prompt, negative = pipeline.encode_prompt(REQUEST["prompt"], "cpu", 1, True,
                                              REQUEST["negative_prompt"])
    states = seen = torch.cat([negative, prompt])
    if tokens is not None:
        count = tokens.shape[1]
        seen = torch.cat([torch.cat([negative, negative[:, -count:]], 1),
                          torch.cat([prompt, tokens], 1)])
    scale = pipeline.vae_scale_factor
    latents = torch.randn(1, 4, model.height // scale, model.width // scale,
                          generator=torch.Generator().manual_seed(REQUEST["seed"]))
    for timestep in scheduler.timesteps:
        both = torch.cat([latents] * 2)
        more = {}
        if features is not None:
            more["down_intrablock_additional_residuals"] = [torch.cat([one] * 2)
                                                            for one in features]
        for net, image in nets:
            down, mid = net(both, timestep, states, torch.cat([image] * 2), return_dict=False)
            more |= {"down_block_additional_residuals": down, "mid_block_additional_residual": mid}
        negative_noise, noise = pipeline.unet(both, timestep, seen, **more).sample.chunk(2)
        noise = negative_noise + REQUEST["guidance_scale"] * (noise - negative_noise)
        latents = scheduler.step(noise, timestep, latents).prev_sample
    return latents


@torch.no_grad()
def test_adapter_beside_controlnet(models, tmp_path):
    model = models("sd1")
    adapter = control_models.adapter(model.pipeline)
    adapter.save_pretrained(tmp_path)
    image = [model.pictures[f"picture{i}"].permute(2, 0, 1)[None] / 255 for i in range(2)]
    ours = model.latents([{}, {"weights": str(tmp_path)}])
    reference = loop(model, nets=[(model.nets[0], image[0])], features=adapter(image[1]))
    assert relative_error(ours, reference) <= TOLERANCE


@torch.no_grad()
def test_style_adapter(models, tmp_path):
    """Alone and beside a ControlNet, which does not see the style's tokens."""
    model = models("sd1")
    torch.manual_seed(3)
    config = CLIPVisionConfig(hidden_size=256, intermediate_size=64, num_hidden_layers=2,
                              num_attention_heads=2, image_size=28, patch_size=14)
    clip = CLIPVisionModel(config).eval()
    clip.save_pretrained(model.folder / "clip")
    style = StyleAdapter(256, model.pipeline.unet.config.cross_attention_dim).eval()
    torch.save(style.state_dict(), tmp_path / "t2iadapter_style_sd14v1.pth")
    side = 28
    picture = model.pil("picture1")
    scale = side / min(picture.size)
    picture = picture.resize([round(scale * size) for size in picture.size], Image.BICUBIC)
    left, top = ((size - side) // 2 for size in picture.size)
    picture = picture.crop((left, top, left + side, top + side))
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    pixels = pixels.view(side, side, 3).permute(2, 0, 1)[None] / 255
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
    deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)
    tokens = style(clip((pixels - mean) / deviation).last_hidden_state)
    control = {"weights": str(tmp_path), "image": "picture1"}
    assert relative_error(model.latents([control]), loop(model, tokens=tokens)) <= TOLERANCE
    image = model.pictures["picture0"].permute(2, 0, 1)[None] / 255
    ours = model.latents([{}, control])
    assert relative_error(ours, loop(model, nets=[(model.nets[0], image)], tokens=tokens)) \
        <= TOLERANCE
    early = model.latents([control | {"end": 0.4}])
    assert relative_error(early, loop(model, tokens=tokens)) > TOLERANCE


def test_scale_zero_changes_nothing(models):
    model = models("sd1")
    assert torch.equal(model.latents([{"scale": 0}]), model.latents([]))
    assert torch.equal(model.latents([{"start": 0.1, "end": 0.15}]), model.latents([]))


def test_two_halves_equal_one_whole(models):
    model = models("sd2")
    half = {"weights": str(model.folder / "net0"), "image": "picture0", "scale": 0.5}
    whole = model.latents([half | {"scale": 1.0}])
    assert relative_error(model.latents([dict(half), dict(half)]), whole) <= 1e-5


def test_pictures_drawn_side_by_side(models):
    model = models("sd1")
    together = model.latents([{}], num_outputs=3, together=3)
    alone = model.latents([{}], num_outputs=3, first=1)
    assert relative_error(together[1:2], alone) <= 1e-4


@pytest.mark.parametrize("name, heads", [("controls", 8), ("sd2", [1, 1])])
def test_original_controlnet_files(models, name, heads, tmp_path):
    """The names of the first code, with and without prefix; a diffusers file without config. Heads
    as in every published model: 8 in version 1, of 64 channels in version 2."""
    model = models(name)
    if name == "controls":
        widths = dict(conditioning_embedding_out_channels=(16, 32, 96, 256))
    else:
        widths = {}
    net = control_models.controlnet(model.pipeline, 7, attention_head_dim=heads,
                                    norm_num_groups=32, **widths)
    state, config = net.state_dict(), net.config
    layers, widths = config.layers_per_block, len(config.conditioning_embedding_out_channels)
    original = {original_controlnet_name(key, layers, widths): value
                for key, value in state.items()}
    assert len(original) == len(state)
    net.save_pretrained(tmp_path / "net")
    expected = model.latents([{"weights": str(tmp_path / "net")}])
    torch.save({f"control_model.{key}": value for key, value in original.items()},
               tmp_path / "control.pth")
    save_file(original, tmp_path / "control.safetensors")
    files = ["control.pth", "control.safetensors"]
    if name == "controls":
        files.append("net/diffusion_pytorch_model.safetensors")
    for file in files:
        assert torch.equal(model.latents([{"weights": str(tmp_path / file)}]), expected), file


@pytest.mark.parametrize("kind, channels", [("full_adapter", 3), ("full_adapter", 1),
                                            ("light_adapter", 3)])
def test_original_adapter_files(models, kind, channels, tmp_path):
    model = models("controls")
    adapter = control_models.adapter(model.pipeline, kind, channels)
    state = adapter.state_dict()
    adapter.save_pretrained(tmp_path / "diffusers")
    light = kind == "light_adapter"
    (tmp_path / "original").mkdir()
    torch.save({original_adapter_name(key, light): value for key, value in state.items()},
               tmp_path / "original/t2iadapter_kind_sd14v1.pth")
    expected = model.latents([{"weights": str(tmp_path / "diffusers")}])
    assert torch.equal(model.latents([{"weights": str(tmp_path / "original")}]), expected)


def test_published_adapter_layout():
    """Names and shapes of TencentARC's files, from its list of levels and widths."""
    widths, expected = [320, 640, 1280, 1280], {}
    expected["conv_in.weight"] = (320, 192, 3, 3)
    for level, width in enumerate(widths):
        for block in (2 * level, 2 * level + 1):
            expected[f"body.{block}.block1.weight"] = (width, width, 3, 3)
            expected[f"body.{block}.block2.weight"] = (width, width, 1, 1)
    expected["body.2.in_conv.weight"] = (640, 320, 1, 1)
    expected["body.4.in_conv.weight"] = (1280, 640, 1, 1)
    with torch.device("meta"):
        state = T2IAdapter(in_channels=3, channels=widths, num_res_blocks=2).state_dict()
    names = {original_adapter_name(key, False): tuple(value.shape) for key, value in state.items()
             if key.endswith("weight")}
    assert names == expected


@pytest.mark.parametrize("name", ["controlnet", "t2i-adapter", "t2i-adapter-sketch",
                                  "t2i-adapter-color"])
def test_layouts_of_published_size(name):
    """Every name and shape, for Stable Diffusion 1.5."""
    [part] = json.loads(subprocess.run([program("weights_probe"), "--layout", name],
                                       capture_output=True, check=True).stdout)
    with torch.device("meta"):
        module = {"ControlNetModel": ControlNetModel, "T2IAdapter": T2IAdapter}[
            part["class"]].from_config(part["config"])
    expected = {key: list(value.shape) for key, value in module.state_dict().items()}
    assert part["shapes"] == expected


@pytest.mark.parametrize("wrong, words", [
    ({"start": 0.5, "end": 0.2}, ["0.5", "0.2", "0 <= start <= end <= 1"]),
    ({"masked": True}, ["mask"]),
])
def test_wrong_controls_are_named(models, wrong, words):
    model = models("sd1")
    failed = model.draw([{"name": "controlnet-canny"} | wrong]).operation(0)
    assert failed["kind"] == "InvalidInput"
    for word in ["controlnet-canny", *words]:
        assert word in failed["error"]


def test_networks_of_other_models_are_refused(models, tmp_path):
    model, other = models("sd1"), models("sd2")
    failed = model.draw([{"weights": str(other.folder / "net0")}]).operation(0)
    assert "32" in failed["error"] and "48" in failed["error"]
    adapter = control_models.adapter(other.pipeline)
    adapter.save_pretrained(tmp_path)
    failed = model.draw([{"weights": str(tmp_path)}]).operation(0)
    assert failed["kind"] == "InvalidInput"


def test_picture_of_another_size_is_refused(models):
    model = models("sd1")
    failed = model.draw([{}], width=64, height=64).operation(0)
    assert "128 x 384" in failed["error"] and "64 x 64" in failed["error"]


def test_files_that_are_no_control_network(models, tmp_path):
    model = models("sd1")
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    failed = model.draw([{"weights": str(tmp_path / "other.safetensors")}]).operation(0)
    assert "neither a ControlNet nor a T2I-Adapter" in failed["error"]
    (tmp_path / "empty").mkdir()
    failed = model.draw([{"weights": str(tmp_path / "empty")}]).operation(0)
    assert "no weight files" in failed["error"]

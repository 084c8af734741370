"""Random miniature Stable Diffusion models of many layouts, seeded, made on the fly."""
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import (AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, PNDMScheduler,
                       StableDiffusionPipeline, UNet2DConditionModel)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from probes import ROOT

EMOJI_SD = ROOT / "weights" / "emoji-sd" / "model"
SCHEDULERS = {"DDIM": DDIMScheduler, "DPMSolverMultistep": DPMSolverMultistepScheduler,
              "PNDM": PNDMScheduler}
DOWN, CROSS_DOWN = "DownBlock2D", "CrossAttnDownBlock2D"
UP, CROSS_UP = "UpBlock2D", "CrossAttnUpBlock2D"


@dataclass
class Tiny:
    """What differs from model to model; the rest comes from the defaults below."""
    unet: dict
    vae: dict = field(default_factory=dict)
    text: dict = field(default_factory=dict)
    scheduler: dict = field(default_factory=dict)
    size: tuple = (40, 32)  # width, height of the pipeline test


TINY = {
    # The layout of SD 1.x: heads as one number, convolutions as projections.
    "sd1": Tiny(
        unet=dict(block_out_channels=(32, 64, 64), layers_per_block=2, attention_head_dim=4,
                  down_block_types=(CROSS_DOWN, CROSS_DOWN, DOWN),
                  up_block_types=(UP, CROSS_UP, CROSS_UP), norm_num_groups=8),
        vae=dict(block_out_channels=(8, 8, 16, 16)), size=(128, 384)),
    # SD 2.x: v-prediction, heads as a list, linear projections, OpenCLIP's gelu.
    "sd2": Tiny(
        unet=dict(block_out_channels=(32, 64), layers_per_block=1, attention_head_dim=[2, 4],
                  down_block_types=(CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP),
                  use_linear_projection=True, upcast_attention=True, norm_num_groups=16,
                  cross_attention_dim=48),
        text=dict(hidden_act="gelu", hidden_size=48, num_attention_heads=3, num_hidden_layers=4,
                  intermediate_size=96),
        scheduler=dict(prediction_type="v_prediction")),
    # Depths that differ from block to block.
    "deep": Tiny(
        unet=dict(block_out_channels=(16, 32, 48), layers_per_block=[1, 2, 1],
                  transformer_layers_per_block=[1, 2, 3], attention_head_dim=[2, 2, 3],
                  down_block_types=(CROSS_DOWN, CROSS_DOWN, CROSS_DOWN),
                  up_block_types=(CROSS_UP, CROSS_UP, CROSS_UP), use_linear_projection=True,
                  norm_num_groups=4),
        vae=dict(mid_block_add_attention=False, layers_per_block=2)),
    # Attention in the coarse block only, lists within lists, text attended to twice.
    "lopsided": Tiny(
        unet=dict(block_out_channels=(24, 40), layers_per_block=2, attention_head_dim=5,
                  transformer_layers_per_block=[1, [2, 1]],
                  reverse_transformer_layers_per_block=[[1, 2, 1], 1],
                  only_cross_attention=[False, True], down_block_types=(DOWN, CROSS_DOWN),
                  up_block_types=(CROSS_UP, UP), norm_num_groups=8),
        vae=dict(use_quant_conv=False, use_post_quant_conv=False)),
    # Every numeric switch off its default.
    "switches": Tiny(
        unet=dict(block_out_channels=(32, 32), layers_per_block=1, attention_head_dim=2,
                  down_block_types=(CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP),
                  resnet_time_scale_shift="scale_shift", act_fn="mish", flip_sin_to_cos=False,
                  freq_shift=1, conv_in_kernel=5, conv_out_kernel=1, downsample_padding=0,
                  mid_block_scale_factor=1.5, norm_eps=1e-3, center_input_sample=True,
                  time_embedding_dim=48, time_embedding_act_fn="gelu", timestep_post_act="silu",
                  norm_num_groups=32),
        vae=dict(act_fn="gelu", norm_num_groups=2, scaling_factor=0.5)),
    # No transformer in the middle; a picture whose latents are odd on both sides.
    "plain-middle": Tiny(
        unet=dict(block_out_channels=(16, 24, 32), layers_per_block=1, attention_head_dim=2,
                  mid_block_type="UNetMidBlock2D", down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN),
                  up_block_types=(CROSS_UP, CROSS_UP, UP), norm_num_groups=4),
        vae=dict(block_out_channels=(8, 16, 16, 16)), size=(136, 120)),
    # Made for inpainting: sees mask and masked picture beside the latents.
    "inpainting": Tiny(
        unet=dict(in_channels=9, block_out_channels=(32, 32), layers_per_block=1,
                  attention_head_dim=4, down_block_types=(CROSS_DOWN, DOWN),
                  up_block_types=(UP, CROSS_UP), norm_num_groups=8)),
    # The smallest with all kinds of layers, for the many runs of the matrix.
    "matrix-4": Tiny(
        unet=dict(block_out_channels=(16, 32), layers_per_block=1, attention_head_dim=4,
                  down_block_types=(CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP),
                  norm_num_groups=4)),
    "matrix-9": Tiny(
        unet=dict(in_channels=9, block_out_channels=(16, 32), layers_per_block=1,
                  attention_head_dim=4, down_block_types=(CROSS_DOWN, DOWN),
                  up_block_types=(UP, CROSS_UP), norm_num_groups=4)),
    # A consistency model, distilled from a guided one: told the guidance scale.
    "consistency": Tiny(
        unet=dict(time_cond_proj_dim=24, block_out_channels=(32, 32), layers_per_block=1,
                  attention_head_dim=4, down_block_types=(CROSS_DOWN, DOWN),
                  up_block_types=(UP, CROSS_UP), norm_num_groups=8)),
    # What control networks in their original files are for: four levels, groups, heads and pixels
    # per latent as in SD 1.x.
    "controls": Tiny(
        unet=dict(block_out_channels=(32, 64, 64, 64), layers_per_block=2, attention_head_dim=8,
                  down_block_types=(CROSS_DOWN, CROSS_DOWN, CROSS_DOWN, DOWN),
                  up_block_types=(UP, CROSS_UP, CROSS_UP, CROSS_UP)),
        vae=dict(block_out_channels=(8, 8, 16, 16)), size=(64, 120)),
    # No middle at all, another number of heads, four levels.
    "no-middle": Tiny(
        unet=dict(block_out_channels=(16, 16, 32, 32), layers_per_block=1,
                  attention_head_dim=(1, 2, 4, 8), mid_block_type=None,
                  down_block_types=(DOWN, CROSS_DOWN, DOWN, CROSS_DOWN),
                  up_block_types=(CROSS_UP, UP, CROSS_UP, UP), norm_num_groups=8),
        text=dict(num_hidden_layers=1, layer_norm_eps=1e-3), size=(72, 56)),
}

UNET = dict(sample_size=16, in_channels=4, out_channels=4, cross_attention_dim=32)
VAE = dict(block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, sample_size=32)
TEXT = dict(vocab_size=1248, hidden_size=32, intermediate_size=64, num_hidden_layers=3,
            num_attention_heads=4, bos_token_id=1246, eos_token_id=1247, pad_token_id=1247)
SCHEDULER = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                 steps_offset=1, skip_prk_steps=True)


def vae_config(overrides):
    config = VAE | overrides
    blocks = len(config["block_out_channels"])
    return config | dict(down_block_types=("DownEncoderBlock2D",) * blocks,
                         up_block_types=("UpDecoderBlock2D",) * blocks)


def build(name):
    """The reference pipeline of a miniature, or of emoji-sd, in fp32."""
    if name == "emoji-sd":
        return StableDiffusionPipeline.from_pretrained(
            EMOJI_SD, torch_dtype=torch.float32, safety_checker=None)
    tiny = TINY[name]
    torch.manual_seed(sum(name.encode()))
    return StableDiffusionPipeline(
        unet=UNet2DConditionModel(**UNET | tiny.unet).eval(),
        vae=AutoencoderKL(**vae_config(tiny.vae)).eval(),
        text_encoder=CLIPTextModel(CLIPTextConfig(**TEXT | tiny.text)).eval(),
        tokenizer=CLIPTokenizer.from_pretrained(EMOJI_SD / "tokenizer"),
        scheduler=PNDMScheduler(**SCHEDULER | tiny.scheduler),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def save(pipeline, folder: Path):
    """save_pretrained, with tokenizer and scheduler files as published models have them.

    Clipped samples, DDIM's own default, let a random network blow rounding errors up.
    """
    pipeline.save_pretrained(folder)
    scheduler = folder / "scheduler" / "scheduler_config.json"
    scheduler.write_text(json.dumps(json.loads(scheduler.read_text()) | {"clip_sample": False}))
    shutil.rmtree(folder / "tokenizer")
    shutil.copytree(EMOJI_SD / "tokenizer", folder / "tokenizer")
    return folder

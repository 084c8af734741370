"""Random miniature control networks that fit the miniatures of tiny_models.py, and the names their
tensors have in the files of their first code."""
import torch
from diffusers import ControlNetModel, T2IAdapter


def randomised(module, seed):
    """Every tensor away from the zeros that training starts from, small enough to stay tame."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.startswith(("controlnet_down_blocks", "controlnet_mid_block",
                                "controlnet_cond_embedding.conv_out")) or not parameter.any():
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return module.eval()


def controlnet(pipeline, seed=1, **config):
    """A ControlNet for a pipeline's UNet, with random weights of its own."""
    torch.manual_seed(seed)
    unet = dict(pipeline.unet.config)
    kept = ("down_block_types", "mid_block_type", "only_cross_attention", "block_out_channels",
            "layers_per_block", "downsample_padding", "mid_block_scale_factor", "act_fn",
            "norm_num_groups", "norm_eps", "cross_attention_dim", "attention_head_dim",
            "transformer_layers_per_block", "use_linear_projection", "upcast_attention",
            "resnet_time_scale_shift", "flip_sin_to_cos", "freq_shift")
    own = {"conditioning_embedding_out_channels": {2: (4, 8), 8: (4, 8, 8, 12)}[
        pipeline.vae_scale_factor]}
    if unet["mid_block_type"] is None:  # a ControlNet always has a middle
        own["mid_block_type"] = "UNetMidBlock2D"
    return randomised(ControlNetModel(**{key: unet[key] for key in kept} | own | config), seed)


def adapter(pipeline, kind="full_adapter", in_channels=3, seed=1, blocks=2):
    torch.manual_seed(seed)
    channels = list(pipeline.unet.config.block_out_channels)
    if kind == "light_adapter":
        assert channels[-1] == channels[-2], "a light adapter's last two levels are equally wide"
        channels.pop()
    return T2IAdapter(in_channels=in_channels, channels=channels, num_res_blocks=blocks,
                      downscale_factor=pipeline.vae_scale_factor, adapter_type=kind).eval()


RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
          "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
ENDS = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2"}


def original_controlnet_name(name, layers, widths):
    """diffusers' name to that of lllyasviel/ControlNet's cldm.py."""
    module, _, leaf = name.rpartition(".")
    parts = module.split(".")
    if module in ENDS:
        return f"{ENDS[module]}.{leaf}"
    if parts[0] == "controlnet_down_blocks":
        return f"zero_convs.{parts[1]}.0.{leaf}"
    if parts[0] == "controlnet_mid_block":
        return f"middle_block_out.0.{leaf}"
    if parts[0] == "controlnet_cond_embedding":
        place = {"conv_in": 0, "conv_out": 4 * widths - 2}.get(parts[1])
        return f"input_hint_block.{2 * int(parts[2]) + 2 if place is None else place}.{leaf}"
    if parts[0] == "mid_block":
        if parts[1] == "attentions":
            return f"middle_block.1.{'.'.join(parts[3:])}.{leaf}"
        return f"middle_block.{2 * int(parts[2])}.{RESNET['.'.join(parts[3:])]}.{leaf}"
    first = int(parts[1]) * (layers + 1)
    if parts[2] == "downsamplers":
        return f"input_blocks.{first + layers + 1}.0.op.{leaf}"
    block = first + int(parts[3]) + 1
    if parts[2] == "resnets":
        return f"input_blocks.{block}.0.{RESNET['.'.join(parts[4:])]}.{leaf}"
    return f"input_blocks.{block}.1.{'.'.join(parts[4:])}.{leaf}"


def original_adapter_name(name, light, blocks=2):
    """diffusers' name to that of TencentARC/T2I-Adapter's adapter.py."""
    parts = name.removeprefix("adapter.").split(".")
    if parts[0] != "body":
        return ".".join(parts)
    level = int(parts[1])
    if light:
        return ".".join(parts).replace(".resnets.", ".body.")
    if parts[2] == "resnets":
        return ".".join([f"body.{level * blocks + int(parts[3])}", *parts[4:]])
    return ".".join([f"body.{level * blocks}", *parts[2:]])

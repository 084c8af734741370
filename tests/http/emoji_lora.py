"""A random LoRA for the bundled emoji-sd, in kohya's layout."""
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

EMOJI_SD = Path(__file__).resolve().parents[2] / "weights/emoji-sd/model"


def lora_bytes(seed=0, rank=4):
    random = np.random.default_rng(seed)
    tensors = {}
    with safe_open(EMOJI_SD / "unet/diffusion_pytorch_model.safetensors", "numpy") as unet:
        for name in unet.keys():
            if not name.endswith(("to_q.weight", "to_v.weight", "to_out.0.weight")):
                continue
            rows, columns = unet.get_slice(name).get_shape()
            key = "lora_unet_" + name.removesuffix(".weight").replace(".", "_")
            tensors[f"{key}.lora_down.weight"] = random.normal(0, 0.3, (rank, columns))
            tensors[f"{key}.lora_up.weight"] = random.normal(0, 0.3, (rows, rank))
            tensors[f"{key}.alpha"] = np.array(rank)
    return save({key: np.ascontiguousarray(value, np.float32) for key, value in tensors.items()})

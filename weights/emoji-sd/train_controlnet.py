"""Trains controlnet-canny for emoji-sd: edges that say where the emoji lies, how large, which way round.

    python train_controlnet.py --out controlnet-canny --minutes 60                 # CPU
    python train_controlnet.py --out controlnet-canny --device cuda --batch 128 --minutes 10
    python train_controlnet.py --out controlnet-canny --resume model/controlnet-canny --minutes 30

Leaves the folder, which belongs into model/, and what it draws in a PNG beside it.

The model itself has only seen emoji that fill the picture; the ControlNet learns to put them anywhere, as its edge
map shows them (cv2.Canny, thresholds 100 and 200 as the template has them). Needs what train.py needs, and cv2.
"""
import argparse, copy, random, time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, ControlNetModel, DPMSolverMultistepScheduler, UNet2DConditionModel
from transformers import CLIPTextModel

from train import COLORS, NOISE_SCHEDULE, SIZE, Emoji, Tokenizer, caption, cosine, save_grid

LOW, HIGH = 100, 200
SAMPLES = [("fox", "blue"), ("red apple", "white"), ("rocket", "purple"), ("octopus", "yellow"),
           ("guitar", "white"), ("panda", "green"), ("pizza", "white"), ("frog", "pink")]


def placed(emoji, index, color, scale, dx, dy, flip):
    """Emoji `index` over plain backgrounds: [n,3,H,W] in 0..1."""
    background = emoji.palette[color][:, :, None, None].expand(len(index), 3, SIZE, SIZE)
    x = emoji.place(background, index, scale, dx, dy).clamp(0, 1)
    return torch.where(flip[:, None, None, None], x.flip(3), x)


def edges(pictures):
    """What the template makes of them: [n,3,H,W] in 0..1."""
    rgb = (pictures * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    maps = np.stack([cv2.Canny(np.ascontiguousarray(one), LOW, HIGH) for one in rgb])
    return torch.from_numpy(maps).float()[:, None].expand(-1, 3, -1, -1).to(pictures.device) / 255


def random_places(emoji, n):
    scale = emoji.uniform(n, 0.45, 0.98)
    free = 1 - scale
    return scale, free * emoji.uniform(n, -1, 1), free * emoji.uniform(n, -1, 1), emoji.uniform(n, 0, 1) < 0.5


def batch(vae, emoji, tokenizer, n):
    index = torch.randint(0, len(emoji.names), (n,), device=emoji.device)
    color = torch.randint(1, len(COLORS), (n,), device=emoji.device)
    color[torch.rand(n, device=emoji.device) < 0.25] = 0
    pictures = placed(emoji, index, color, *random_places(emoji, n))
    with torch.no_grad():
        latents = vae.encode(pictures * 2 - 1).latent_dist.mean * vae.config.scaling_factor
    names = list(COLORS)
    tokens = tokenizer([caption(emoji.names[i], names[c]) for i, c in zip(index.tolist(), color.tolist())])
    tokens[torch.rand(n) < 0.1] = tokenizer([""])[0]
    return latents, edges(pictures), tokens.to(emoji.device)


@torch.no_grad()
def save_samples(path, net, models, emoji, tokenizer):
    """Edge maps above what is drawn from them; half of them where the model alone never draws."""
    unet, vae, text_encoder = models
    n, solver = len(SAMPLES), DPMSolverMultistepScheduler(**NOISE_SCHEDULE)
    index = torch.tensor([emoji.names.index(name) for name, _ in SAMPLES], device=emoji.device)
    color = torch.tensor([list(COLORS).index(color) for _, color in SAMPLES], device=emoji.device)
    scale = torch.tensor([0.95, 0.5, 0.6, 0.7] * (n // 4), device=emoji.device)
    shift = (1 - scale) * torch.tensor([0, 0.9, -0.9, 0.8] * (n // 4), device=emoji.device)
    flip = torch.tensor([False, False, True, True] * (n // 4), device=emoji.device)
    control = edges(placed(emoji, index, color, scale, shift, -shift, flip))
    prompts = [name + (f" on a {color} background" if color != "white" else "") for name, color in SAMPLES]
    context = text_encoder(tokenizer([""] * n + prompts).to(emoji.device))[0]
    z = torch.randn(n, 4, SIZE // 8, SIZE // 8, generator=torch.Generator().manual_seed(7)).to(emoji.device)
    solver.set_timesteps(25)
    for t in solver.timesteps:
        both = torch.cat([z, z])
        down, mid = net(both, t, context, torch.cat([control, control]), return_dict=False)
        noise = unet(both, t, context, down_block_additional_residuals=down, mid_block_additional_residual=mid).sample
        negative, positive = noise.chunk(2)
        z = solver.step(negative + 5 * (positive - negative), t, z).prev_sample
    save_grid(torch.cat([control * 2 - 1, vae.decode(z / vae.config.scaling_factor).sample]), path, n)


def train(net, models, emoji, tokenizer, args):
    unet, vae, text_encoder = models
    optimizer = torch.optim.AdamW(net.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=1e-3, fused=True)
    average, parameters = copy.deepcopy(net), list(net.parameters())
    alphas = torch.cumprod(1 - torch.linspace(0.00085**.5, 0.012**.5, 1000, device=args.device)**2, 0)
    n, step, start, saved = args.batch, 0, time.time(), 0.0
    while (progress := (time.time() - start) / (60 * args.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = args.lr * min(1, (step + 1) / 100) * cosine(progress, 0.05)
        z, control, tokens = batch(vae, emoji, tokenizer, n)
        with torch.no_grad():
            context = text_encoder(tokens)[0]
        noise = torch.randn_like(z)
        t = ((torch.randperm(n) + torch.rand(n)) / n * 1000).long().clamp(0, 999).to(args.device)  # stratified
        a = alphas[t][:, None, None, None]
        noisy = (a.sqrt() * z + (1 - a).sqrt() * noise).contiguous(memory_format=torch.channels_last)
        down, mid = net(noisy, t, context, control, return_dict=False)
        predicted = unet(noisy, t, context, down_block_additional_residuals=down,
                         mid_block_additional_residual=mid).sample
        snr = alphas[t] / (1 - alphas[t])
        loss = ((predicted - noise).square().mean((1, 2, 3)) * (snr.clamp(max=5) / snr)).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), parameters, 1 - min(0.998, (1 + step) / (20 + step)))
        if step % 100 == 0:
            print(f"controlnet {step} loss {loss.item():.4f} {progress:.1%}", flush=True)
        if progress - saved > 0.05:
            saved = progress
            save(args.out, average, models, emoji, tokenizer)
        step += 1
    save(args.out, average, models, emoji, tokenizer)


def save(out, net, models, emoji, tokenizer):
    copy.deepcopy(net).half().save_pretrained(out)
    save_samples(out.with_name(out.name + ".png"), net.eval(), models, emoji, tokenizer)


def main():
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "data")
    parser.add_argument("--model", type=Path, default=here / "model")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", type=Path, help="folder of an earlier ControlNet to go on from")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=4e-4)
    args = parser.parse_args()
    torch.manual_seed(0), random.seed(0)
    args.out.mkdir(parents=True, exist_ok=True)
    emoji, tokenizer = Emoji(args.data, args.device), Tokenizer(args.data / "tokenizer")
    load = lambda kind, name: kind.from_pretrained(args.model / name, torch_dtype=torch.float32).to(args.device)
    models = [load(UNet2DConditionModel, "unet"), load(AutoencoderKL, "vae"), load(CLIPTextModel, "text_encoder")]
    for model in models:
        model.eval().requires_grad_(False)
    net = (ControlNetModel.from_pretrained(args.resume, torch_dtype=torch.float32) if args.resume else
           ControlNetModel.from_unet(models[0], conditioning_embedding_out_channels=(16, 32, 48, 64)))
    models[0].to(memory_format=torch.channels_last)
    net.to(args.device, memory_format=torch.channels_last).train()
    train(net, models, emoji, tokenizer, args)


if __name__ == "__main__":
    main()

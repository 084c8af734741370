"""Runs trainer_probe, and the same training step in PyTorch with diffusers' models."""
import json
import subprocess
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

from probes import program

PROMPTS = {"instance_prompt": "a picture of a sks fox", "class_prompt": "a fox"}


def run_probe(request, check=True):
    """The reply; None where the probe was killed."""
    done = subprocess.run([program("trainer_probe")], input=json.dumps(request), text=True,
                          capture_output=True, timeout=600)
    if done.returncode < 0:
        return None
    reply = json.loads(done.stdout)
    assert not check or "error" not in reply, reply["error"]
    return reply


def draw_pictures(folder: Path, count, name="instance", sizes=((40, 56), (64, 64), (70, 33))):
    """Random smooth pictures as PPM files."""
    folder.mkdir(exist_ok=True)
    generator = torch.Generator().manual_seed(sum(name.encode()))
    pictures = []
    for index in range(count):
        width, height = sizes[index % len(sizes)]
        coarse = torch.rand(1, 3, 5, 5, generator=generator)
        smooth = F.interpolate(coarse, (height, width), mode="bilinear")[0]
        path = folder / f"{name}-{index}.ppm"
        Image.fromarray((smooth * 255).byte().permute(1, 2, 0).numpy()).save(path)
        pictures.append({"file": str(path)})
    return pictures


def gradients(folder: Path, request, **options):
    """The loss, and gradients (and a LoRA's values) by name."""
    output = folder / "gradients.safetensors"
    reply = run_probe({"op": "gradients", "request": request, "output": str(output)} | options)
    return reply["loss"], load_file(output)


def training_pixels(path, size, center_crop, generator):
    """As torchvision's Resize and CenterCrop or RandomCrop on a Pillow picture."""
    image = Image.open(path).convert("RGB")
    width, height = image.size
    shorter = min(width, height)
    longer = int(size * max(width, height) / shorter)
    image = image.resize((size, longer) if width <= height else (longer, size),
                         Image.Resampling.BILINEAR)
    width, height = image.size

    def place(length):
        if center_crop:
            return round((length - size) / 2)
        return int(torch.randint(0, length - size + 1, (1,), generator=generator))

    top, left = place(height), place(width)
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    pixels = pixels.view(height, width, 3).permute(2, 0, 1).float() / 255 * 2 - 1
    return pixels[:, top:top + size, left:left + size].unsqueeze(0)


class Reference:
    """The trainer's loop in PyTorch: its data, its draws, diffusers' models."""

    def __init__(self, pipe, request):
        self.pipe, self.request = pipe, {"train_batch_size": 1, "prior_loss_weight": 1.0,
                                         "with_prior_preservation": True, "seed": 1337,
                                         "train_text_encoder": True} | request
        for model in (pipe.unet, pipe.text_encoder, pipe.vae):
            model.requires_grad_(False)
        self.steps = torch.Generator().manual_seed(self.request["seed"])
        data = torch.Generator().manual_seed(self.request["seed"] + 2)
        instance = [self.encode(picture, "instance_prompt", data)
                    for picture in request["instance_pictures"]]
        order = torch.randperm(len(instance), generator=data)
        self.instance = [instance[i] for i in order]
        self.classes = []
        if self.request["with_prior_preservation"]:
            self.classes = [self.encode(picture, "class_prompt", data)
                            for picture in request["class_pictures"]]
        self.order, self.place = [], 0

    @torch.no_grad()
    def encode(self, picture, prompt, generator):
        pixels = training_pixels(picture["file"], self.request["resolution"],
                                 self.request.get("center_crop", False), generator)
        latents = self.pipe.vae.encode(pixels).latent_dist
        return latents.mean, latents.std, picture.get("caption") or self.request[prompt]

    def next_places(self):
        if self.place >= len(self.order):
            size = max(len(self.instance), len(self.classes))
            self.order = torch.randperm(size, generator=self.steps).tolist()
            self.place = 0
        places = self.order[self.place:self.place + self.request["train_batch_size"]]
        self.place += len(places)
        return places

    def states(self, prompts):
        tokenizer = self.pipe.tokenizer
        longest = tokenizer.model_max_length
        ids = [tokenizer(prompt, truncation=True, max_length=longest).input_ids
               for prompt in prompts]
        width = longest if self.request.get("pad_tokens") else max(map(len, ids))
        padded = [row + [tokenizer.pad_token_id] * (width - len(row)) for row in ids]
        return self.pipe.text_encoder(torch.tensor(padded))[0]

    def loss(self, places):
        rows = [self.instance[i % len(self.instance)] for i in places]
        if self.classes:
            rows += [self.classes[i % len(self.classes)] for i in places]
        mean, std = torch.cat([row[0] for row in rows]), torch.cat([row[1] for row in rows])
        posterior = torch.randn(mean.shape, generator=self.steps)
        noise = torch.randn(mean.shape, generator=self.steps)
        strength = self.request.get("offset_noise", 0)
        if strength:
            noise = noise + strength * torch.randn(*mean.shape[:2], 1, 1, generator=self.steps)
        timesteps = torch.randint(1000, (len(rows),), generator=self.steps)
        latents = (mean + std * posterior) * self.pipe.vae.config.scaling_factor
        from diffusers import DDPMScheduler
        scheduler = DDPMScheduler.from_config(self.pipe.scheduler.config)
        noisy = scheduler.add_noise(latents, noise, timesteps)
        is_v = scheduler.config.prediction_type == "v_prediction"
        target = scheduler.get_velocity(latents, noise, timesteps) if is_v else noise
        prediction = self.pipe.unet(noisy, timesteps, self.states([row[2] for row in rows])).sample
        error = F.mse_loss(prediction, target, reduction="none")
        half = len(places)
        own = error[:half]
        if "snr_gamma" in self.request:
            share = scheduler.alphas_cumprod[timesteps[:half]]
            snr = share / (1 - share)
            weights = snr.clamp(max=self.request["snr_gamma"]) / (snr + 1 if is_v else snr)
            result = (own.mean(dim=(1, 2, 3)) * weights).mean()
        else:
            result = own.mean()
        if self.classes:
            result = result + self.request["prior_loss_weight"] * error[half:].mean()
        return result


def worst_error(ours, reference):
    """The largest relative error over tensors by name, and whose it is.

    Relative to the tensor's largest value; gradients that are nothing but rounding (a bias before a
    softmax, before a norm) count relative to a thousandth of the largest of all.
    """
    assert ours.keys() == reference.keys(), ours.keys() ^ reference.keys()
    floor = 1e-3 * max(tensor.abs().max() for tensor in reference.values())
    errors = {name: ((ours[name].reshape(tensor.shape) - tensor).abs().max() /
                     torch.maximum(tensor.abs().max(), floor)).item()
              for name, tensor in reference.items()}
    name = max(errors, key=errors.get)
    return errors[name], name

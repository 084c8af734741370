"""Our trainer beside a training loop of diffusers, in one run, on the same weights and pictures.

    python tests/bench/train.py --weights weights/emoji-sd/model --size 128 --steps 20
    python tests/bench/train.py --size 256 --steps 4 --lora

Times an optimiser step of DreamBooth with the prior, in fp32 on the CPU: all weights of UNet and
text encoder, or a LoRA of them. The loop of diffusers is that of examples/dreambooth, with torch's
fused AdamW; once as it is, encoding its pictures at every step, and once with latents encoded
beforehand, as ours has them. Rounds, order and table as in compare.py; peak memory is that of the
whole process.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/parity"))
ORACLES = ROOT / ".deps/venv/bin/python"
PROMPTS = ("a picture of a sks fox", "a fox")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weights", type=Path, default=ROOT / ".deps/bench/sd15")
    parser.add_argument("--size", type=int, default=256, help="pixels per side")
    parser.add_argument("--steps", type=int, default=4, help="per start, at least 3")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1, help="instance pictures a step")
    parser.add_argument("--lora", action="store_true", help="of rank 4, in place of all weights")
    parser.add_argument("--recompute", action="store_true", help="gradient checkpointing")
    parser.add_argument("--program", choices=["ours", "diffusers", "cached"],
                        help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.steps < 3:
        parser.error("--steps: at least 3 (the first two do not count)")
    return chosen


def run_ours(options):
    from trainer_client import draw_pictures, program
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "out").mkdir()
        sizes = ((options.size, options.size),)
        request = {
            "base": str(options.weights), "instance_prompt": PROMPTS[0],
            "class_prompt": PROMPTS[1], "resolution": options.size, "learning_rate": 1e-6,
            "instance_pictures": draw_pictures(folder, 4, sizes=sizes), "num_class_images": 4,
            "class_pictures": draw_pictures(folder, 4, "class", sizes=sizes),
            "pad_tokens": True,  # as the loop of diffusers does
            "train_batch_size": options.batch, "max_train_steps": options.steps,
            "gradient_checkpointing": options.recompute, "output": str(folder / "out"),
            "weights_format": "safetensors"} | ({"lora": {}} if options.lora else {})
        done = subprocess.run(
            [program("trainer_probe")], text=True, capture_output=True, check=True,
            input=json.dumps({"op": "train", "request": request, "pictures": str(folder)}))
    told = json.loads(done.stdout)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {"step_s": statistics.median(told["step_seconds"][2:]), "peak_bytes": peak}


def run_diffusers(options, cached):
    import torch
    from diffusers import StableDiffusionPipeline
    from peft import LoraConfig
    torch.set_num_threads(os.cpu_count())
    pipe = StableDiffusionPipeline.from_pretrained(options.weights, torch_dtype=torch.float32,
                                                   safety_checker=None)
    pipe.vae.requires_grad_(False)
    models = pipe.unet, pipe.text_encoder
    if options.lora:
        targets = ["to_q", "to_k", "to_v", "to_out.0"], ["q_proj", "k_proj", "v_proj", "out_proj"]
        for model, names in zip(models, targets):
            model.requires_grad_(False)
            model.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=names,
                                         init_lora_weights="gaussian"))
    if options.recompute:
        pipe.unet.enable_gradient_checkpointing()
        pipe.text_encoder.gradient_checkpointing_enable()
    for model in models:
        model.train()
    parameters = [each for model in models for each in model.parameters() if each.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=1e-6, fused=True)
    from diffusers import DDPMScheduler
    scheduler = DDPMScheduler.from_config(pipe.scheduler.config)
    pixels = torch.rand(2 * options.batch, 3, options.size, options.size) * 2 - 1
    encode = torch.no_grad()(lambda: pipe.vae.encode(pixels).latent_dist)
    kept = encode() if cached else None
    if cached:
        pipe.vae = None
    rows = [PROMPTS[0]] * options.batch + [PROMPTS[1]] * options.batch
    ids = pipe.tokenizer(rows, padding="max_length", truncation=True, return_tensors="pt",
                         max_length=pipe.tokenizer.model_max_length).input_ids
    times = []
    for _ in range(options.steps):
        begin = time.perf_counter()
        latents = (kept or encode()).sample() * 0.18215
        noise = torch.randn_like(latents)
        timesteps = torch.randint(1000, (len(rows),))
        prediction = pipe.unet(scheduler.add_noise(latents, noise, timesteps), timesteps,
                               pipe.text_encoder(ids)[0]).sample
        own, prior = (prediction - noise).pow(2).chunk(2)
        (own.mean() + prior.mean()).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        times.append(time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"step_s": statistics.median(times[2:]), "peak_bytes": peak}


def start(name):
    """In a process of its own, so that peaks are its own."""
    done = subprocess.run([ORACLES, __file__, *sys.argv[1:], "--program", name], text=True,
                          capture_output=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.strip().split("\n")[-1])


def main():
    options = arguments()
    if options.program:
        run = run_ours if options.program == "ours" else \
            lambda chosen: run_diffusers(chosen, cached=chosen.program == "cached")
        return print(json.dumps(run(options)))
    names = {"ours": "ours", "cached": "diffusers, latents encoded beforehand",
             "diffusers": "diffusers"}
    rounds = []
    for index in range(options.rounds):
        order = list(names)[index % 3:] + list(names)[:index % 3]
        rounds.append({name: start(name) for name in order})
        print({name: round(each["step_s"], 3) for name, each in rounds[-1].items()},
              file=sys.stderr)
    print("| program | steps/s | s a step | least … most | ours is faster by | peak memory, GiB |\n"
          + "| --- " * 6 + "|")
    for name, title in names.items():
        steps = [each[name]["step_s"] for each in rounds]
        ratio = statistics.median(each[name]["step_s"] / each["ours"]["step_s"] for each in rounds)
        peak = statistics.median(each[name]["peak_bytes"] for each in rounds) / 2**30
        print(f"| {title} | {1 / statistics.median(steps):.3f} | {statistics.median(steps):.3f} | "
              f"{min(steps):.3f} … {max(steps):.3f} | {ratio:.2f} | {peak:.1f} |")


if __name__ == "__main__":
    main()

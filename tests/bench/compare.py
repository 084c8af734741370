"""Ours beside other programs that draw with Stable Diffusion, in one run, on the same weights.

    python tests/bench/compare.py --size 256 --steps 4

Times a denoise step (guidance on) in fp32 on the CPU. Every round starts every program anew, one
after the other, so that what else the machine does meets all alike; the table shows medians over
the rounds, and ratios taken within each round. A program that cannot run says why in its row.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPS = ROOT / ".deps"
ORACLES = DEPS / "venv/bin/python"
PEERS = {"diffusers": "oracles", "compile": "oracles", "openvino": "openvino",
         "sd.cpp": "stable-diffusion-cpp-python"}


def dream():
    return Path(os.environ.get("DREAM_BUILD_DIR", ROOT / "build/dev")) / "bin/dream"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=256, help="pixels per side")
    parser.add_argument("--steps", type=int, default=4, help="steps per start, at least 2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", help="peers with commas: " + ",".join(PEERS))
    parser.add_argument("--weights", type=Path, help="a diffusers folder (default: random SD 1.5)")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.steps < 2 or chosen.rounds < 1:
        parser.error("--steps: at least 2 (the first does not count); --rounds: at least 1")
    return chosen


# What runs in a process of its own, one program each.

def timed_steps(step, steps):
    """Seconds of the first step's end since the process began, and of the median later step."""
    started = time.time()
    step()
    first = time.time() - started
    times = []
    for _ in range(steps - 1):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return {"step_s": statistics.median(times), "first_step_s": first}


def torch_unet(options):
    import torch
    from diffusers import UNet2DConditionModel
    torch.set_grad_enabled(False)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    unet = UNet2DConditionModel.from_pretrained(options.weights, subfolder="unet").eval()
    side = options.size // 8
    inputs = (torch.randn(2, unet.config.in_channels, side, side), torch.tensor(500),
              torch.randn(2, 77, unet.config.cross_attention_dim))
    return unet, inputs


def run_torch(options, compiled):
    import torch
    unet, inputs = torch_unet(options)
    unet = unet.to(memory_format=torch.channels_last)
    inputs = (inputs[0].to(memory_format=torch.channels_last), *inputs[1:])
    call = torch.compile(unet) if compiled else unet
    return timed_steps(lambda: call(*inputs, return_dict=False), options.steps)


def run_openvino(options):
    import numpy
    sys.path.append(str(next((DEPS / "openvino/lib").glob("python*/site-packages"))))
    import openvino
    folder = DEPS / f"bench/openvino-{options.size}-{options.weights.name}"
    if not (folder / "unet.xml").exists():
        unet, inputs = torch_unet(options)
        unet.forward = __import__("functools").partial(unet.forward, return_dict=False)
        model = openvino.convert_model(unet, example_input=inputs,
                                       input=[tuple(value.shape) for value in inputs])
        openvino.save_model(model, folder / "unet.xml", compress_to_fp16=False)
        return {"again": True}  # the conversion is no part of a start
    core = openvino.Core()
    model = core.compile_model(folder / "unet.xml", "CPU", {
        "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": options.threads,
        "PERFORMANCE_HINT": "LATENCY"})
    random = numpy.random.default_rng(0)
    inputs = [numpy.asarray(500) if not list(port.shape) else
              random.standard_normal(list(port.shape), dtype=numpy.float32)
              for port in model.inputs]
    return timed_steps(lambda: model(inputs), options.steps)


def run_sd_cpp(options):
    from stable_diffusion_cpp import StableDiffusion
    ends = []
    checkpoint = options.weights.with_suffix(".safetensors")  # it reads no diffusers folder
    if not checkpoint.exists():
        subprocess.run([dream(), "weights", "convert", options.weights, checkpoint, "--format",
                        "single-file"], check=True, stdout=sys.stderr)
        return {"again": True}
    model = StableDiffusion(model_path=str(checkpoint), n_threads=options.threads, wtype="f32",
                            verbose=False)
    started = time.time()
    model.generate_image(prompt="a fox", width=options.size, height=options.size,
                         sample_steps=options.steps, cfg_scale=7.5, sample_method="euler",
                         progress_callback=lambda *_: ends.append(time.time()))
    steps = [end - begin for begin, end in zip(ends, ends[1:])][-(options.steps - 1):]
    return {"step_s": statistics.median(steps), "first_step_s": ends[0] - started}


def run_peer(options):
    began = time.time()
    run = {"diffusers": lambda: run_torch(options, False),
           "openvino": lambda: run_openvino(options),
           "compile": lambda: run_torch(options, True), "sd.cpp": lambda: run_sd_cpp(options)}
    told = run[options.peer]()
    status = Path("/proc/self/status").read_text()
    told["peak_bytes"] = int(status.split("VmHWM:")[1].split()[0]) * 1024
    told["end"] = time.time()
    told["began"] = began
    print(json.dumps(told))


# What starts them.

def venv(name, package):
    python = DEPS / name / "bin/python"
    if not python.exists():
        subprocess.run([ORACLES, "-m", "venv", DEPS / name], check=True)
    module = package.replace("-", "_").removesuffix("_python")
    if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
        print(f"installing {package} …", file=sys.stderr)
        subprocess.run([python, "-m", "pip", "install", "-q", package], check=True,
                       env=os.environ | {"CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count())})
    return python


def python_of(peer):
    if peer == "openvino":
        venv("openvino", "openvino")
    return venv("sdcpp", PEERS[peer]) if peer == "sd.cpp" else ORACLES


def start_peer(peer, options):
    python = python_of(peer)
    command = [python, __file__, "--peer", peer, "--weights", options.weights, "--size",
               options.size, "--steps", options.steps, "--threads", options.threads]
    started = time.time()
    done = subprocess.run(list(map(str, command)), text=True, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip() or f"exit code {done.returncode}").split("\n")[-1])
    told = json.loads(done.stdout.strip().split("\n")[-1])
    if told.get("again"):
        return start_peer(peer, options)
    measured = told["step_s"] * (options.steps - 1)
    return {"step_s": told["step_s"], "peak_bytes": told["peak_bytes"],
            "cold_s": told["end"] - started - measured}


def start_ours(options):
    command = [dream(), "bench", "unet", "--weights", options.weights, "--size",
               options.size, "--steps", options.steps, "--threads", options.threads]
    done = subprocess.run(list(map(str, command)), text=True, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().split("\n")[-1])
    told = json.loads(done.stdout)
    return {"step_s": told["step_s"], "peak_bytes": told["peak_memory_bytes"],
            "cold_s": told["cold_start_s"]}


def random_weights():
    folder = DEPS / "bench/sd15"
    if not (folder / "model_index.json").exists():
        folder.parent.mkdir(exist_ok=True)
        subprocess.run([dream(), "weights", "init", "--arch", "sd15", "--seed", "0",
                        folder], check=True)
    return folder


def row(name, rounds, ours):
    def middle(key):
        return statistics.median(entry[key] for entry in rounds)
    ratio = statistics.median(theirs["step_s"] / mine["step_s"]
                              for theirs, mine in zip(rounds, ours))
    return (f"| {name} | {1 / middle('step_s'):.3f} | {ratio:.2f} | "
            f"{middle('peak_bytes') / 2**30:.1f} | {middle('cold_s'):.1f} |")


def main():
    options = arguments()
    options.weights = options.weights or random_weights()
    if options.peer:
        return run_peer(options)
    peers = options.only.split(",") if options.only else list(PEERS)
    programs = {"ours": lambda: start_ours(options)}
    programs |= {peer: (lambda peer=peer: start_peer(peer, options)) for peer in peers}
    results, failures = {name: [] for name in programs}, {}
    for turn in range(options.rounds):
        for name, start in programs.items():
            if name in failures:
                continue
            try:
                results[name].append(start())
                print(f"round {turn + 1}: {name} {results[name][-1]['step_s']:.2f} s",
                      file=sys.stderr)
            except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
                failures[name] = str(error)
    print(f"\n{options.size} x {options.size}, fp32, guidance on, {options.threads} threads, "
          f"median of {options.rounds}\n")
    print("| program | it/s | ours is faster by | peak memory, GiB | cold start, s |\n"
          "| --- | --- | --- | --- | --- |")
    for name, rounds in results.items():
        print(f"| {name} | did not run: {failures[name]} | | | |" if name in failures
              else row(name, rounds, results["ours"]))
    return 1 if "ours" in failures else 0


if __name__ == "__main__":
    sys.exit(main())

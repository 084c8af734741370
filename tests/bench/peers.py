"""One program's part of compare.py, in a process of its own: prints a JSON object with the seconds
of a denoise step, the process's peak memory, and when it began and ended."""
import functools
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPS = ROOT / ".deps"


def dream():
    return Path(os.environ.get("DREAM_BUILD_DIR", ROOT / "build/dev")) / "bin/dream"


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
        unet.forward = functools.partial(unet.forward, return_dict=False)
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


def run_sgemm(options):
    """What the machine's matrix units give now: the best of many large products."""
    import torch
    torch.set_num_threads(options.threads)
    side = 2048
    a, b, best = torch.randn(side, side), torch.randn(side, side), float("inf")
    for _ in range(12):
        begin = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - begin)
    return {"flops": 2 * side**3 / best, "step_s": best, "first_step_s": best}


def run_peer(options):
    began = time.time()
    run = {"diffusers": lambda: run_torch(options, False),
           "openvino": lambda: run_openvino(options), "sgemm": lambda: run_sgemm(options),
           "compile": lambda: run_torch(options, True), "sd.cpp": lambda: run_sd_cpp(options)}
    told = run[options.peer]()
    status = Path("/proc/self/status").read_text()
    told["peak_bytes"] = int(status.split("VmHWM:")[1].split()[0]) * 1024
    told["end"] = time.time()
    told["began"] = began
    print(json.dumps(told))

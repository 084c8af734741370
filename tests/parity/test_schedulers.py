"""Schedulers against diffusers 0.42.1: the same noise and the same closed-form model on both sides.

Timesteps must be equal, samples of every step within a relative error of 1e-5.
"""
import itertools
import json
import math
import subprocess

import diffusers
import pytest
import torch

from probes import program, relative_error

SD_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
STEPS = (1, 2, 7, 20, 30, 50)
SPACINGS = ("leading", "linspace", "trailing")
PREDICTIONS = ("epsilon", "v_prediction")
SHAPE = (1, 4, 3, 5)


def common_cases():
    """The three schedulers over steps, spacings and predictions, as Stable Diffusion sets them."""
    for steps, spacing, prediction in itertools.product(STEPS, SPACINGS, PREDICTIONS):
        config = SD_BETAS | {
            "timestep_spacing": spacing, "prediction_type": prediction, "steps_offset": 1,
            "clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True,
        }
        for name in ("DDIM", "PNDM", "DPMSolverMultistep"):
            yield name, config, steps, False
        yield "DPMSolverMultistep", config, steps, True


def ddim_and_pndm_cases():
    base = SD_BETAS | {"steps_offset": 1}
    variants = [
        {}, {"prediction_type": "sample"}, {"set_alpha_to_one": True}, {"set_alpha_to_one": False},
        {"clip_sample": True, "clip_sample_range": 0.7}, {"beta_schedule": "linear"},
        {"beta_schedule": "squaredcos_cap_v2"}, {"num_train_timesteps": 400},
        {"trained_betas": [0.001 + 0.0001 * i for i in range(100)], "num_train_timesteps": 100},
        {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction",
         "timestep_spacing": "trailing"},
    ]
    for variant, steps in itertools.product(variants, (4, 20)):
        yield "DDIM", base | variant, steps, False
        if variant.get("prediction_type") != "sample" and "clip_sample" not in variant:
            yield "PNDM", base | variant | {"skip_prk_steps": True}, steps, False
            yield "PNDM", base | variant | {"skip_prk_steps": False}, steps, False


def dpmsolver_cases():
    for algorithm, order, kind, final, steps in itertools.product(
            ("dpmsolver++", "sde-dpmsolver++", "dpmsolver", "sde-dpmsolver"), (1, 2, 3),
            ("midpoint", "heun"), ("zero", "sigma_min"), (3, 9, 20)):
        if (not algorithm.endswith("++") and final == "zero") or (
                algorithm == "sde-dpmsolver" and order == 3):
            continue  # diffusers refuses the first and has no code for the second
        yield "DPMSolverMultistep", SD_BETAS | {
            "algorithm_type": algorithm, "solver_order": order, "solver_type": kind,
            "final_sigmas_type": final}, steps, False
    variants = [
        {"lower_order_final": False}, {"euler_at_final": True, "final_sigmas_type": "sigma_min"},
        {"prediction_type": "sample"}, {"solver_type": "bh2"},
        {"algorithm_type": "deis", "final_sigmas_type": "sigma_min"},
        {"prediction_type": "sample", "algorithm_type": "dpmsolver",
         "final_sigmas_type": "sigma_min"},
        {"prediction_type": "v_prediction", "algorithm_type": "dpmsolver",
         "final_sigmas_type": "sigma_min"},
        {"use_karras_sigmas": True, "solver_order": 3}, {"use_lu_lambdas": True},
        {"use_exponential_sigmas": True}, {"beta_schedule": "linear"},
        {"use_karras_sigmas": True, "sigma_min": 0.1, "sigma_max": 10.0},
        {"beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -5.1},
        {"beta_schedule": "squaredcos_cap_v2", "use_karras_sigmas": True},
        {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction",
         "timestep_spacing": "trailing"},
    ]
    for variant, steps in itertools.product(variants, (1, 2, 8, 14, 15, 25)):
        yield "DPMSolverMultistep", SD_BETAS | variant, steps, False


def foreign_configs():
    """Configs written by one class and read by another, as from_config does."""
    for writer in ("PNDM", "DDIM", "DPMSolverMultistep", "EulerDiscrete", "UniPCMultistep"):
        config = json.loads(getattr(diffusers, f"{writer}Scheduler")(**SD_BETAS).to_json_string())
        config = {k: v for k, v in config.items() if v != -math.inf}  # no JSON number
        for name in ("DDIM", "PNDM", "DPMSolverMultistep"):
            yield name, config, 6, False


def reference(name, config, steps, karras):
    extra = {"use_karras_sigmas": True} if karras else {}
    scheduler = getattr(diffusers, f"{name}Scheduler").from_config(dict(config), **extra)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(7)
    sample = torch.randn(SHAPE, generator=generator)
    noise = torch.randn(SHAPE, generator=generator)
    timesteps = scheduler.timesteps
    amid = timesteps[len(timesteps) // 2]
    result = {"timesteps": timesteps.tolist(), "samples": [],
              "noisy": scheduler.add_noise(sample, noise, amid[None])}
    extra = {}
    if name == "DPMSolverMultistep":
        extra["generator"] = generator
        scheduler.set_begin_index(0)  # else it starts at the second of two equal timesteps
    for timestep in timesteps:
        model_output = scheduler.scale_model_input(sample, timestep) * 0.3
        model_output = model_output + math.cos(timestep.item() / 100)
        sample = scheduler.step(model_output, timestep, sample, **extra).prev_sample
        result["samples"].append(sample)
    return result


def ask(cases):
    requests = [{"name": n, "config": c, "steps": s, "karras": k} for n, c, s, k in cases]
    done = subprocess.run([program("scheduler_probe")], text=True, capture_output=True, check=True,
                          input="".join(json.dumps(r) + "\n" for r in requests))
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make_cases", [common_cases, ddim_and_pndm_cases, dpmsolver_cases,
                                        foreign_configs])
def test_equals_diffusers(make_cases):
    cases = list(make_cases())
    wrong, worst = [], 0.0
    for case, ours in zip(cases, ask(cases), strict=True):
        theirs = reference(*case)
        if "error" in ours:
            wrong.append((case, ours["error"]))
            continue
        if ours["timesteps"] != theirs["timesteps"]:
            wrong.append((case, ours["timesteps"], theirs["timesteps"]))
            continue
        pairs = list(zip(ours["samples"], theirs["samples"], strict=True))
        pairs.append((ours["noisy"], theirs["noisy"]))
        errors = [relative_error(torch.tensor(a).reshape(SHAPE), b) for a, b in pairs]
        worst = max(worst, *errors)
        if not max(errors) <= 1e-5:
            wrong.append((case, f"relative error {max(errors):.2e}"))
    print(f"{len(cases)} cases, worst relative error {worst:.1e}")
    assert not wrong, f"{len(wrong)} of {len(cases)} cases differ, first: {wrong[0]}"


def test_trailing_timesteps_of_every_length():
    """diffusers adds a timestep -1 where numpy's arange is one too long; ours leaves it out."""
    config = SD_BETAS | {"timestep_spacing": "trailing"}
    cases = [("DDIM", config, steps, False) for steps in range(1, 100)]
    for case, ours in zip(cases, ask(cases), strict=True):
        scheduler = diffusers.DDIMScheduler.from_config(config)
        scheduler.set_timesteps(case[2])
        assert ours["timesteps"] == [t for t in scheduler.timesteps.tolist() if t >= 0]

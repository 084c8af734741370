"""The trainer's schedules, optimisers and averages against diffusers, PyTorch and bitsandbytes."""
import itertools

import bitsandbytes
import pytest
import torch
from bitsandbytes.functional import create_dynamic_map
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel

from probes import relative_error
from summary import record
from training_client import ask_one, ask_with_tensors

SCHEDULES = ("linear", "cosine", "cosine_with_restarts", "polynomial", "constant",
             "constant_with_warmup")


def schedule_cases():
    for name, warmup, total, rate in itertools.product(
            SCHEDULES, (0, 1, 7, 40), (1, 2, 40, 101), (1e-6, 5e-4)):
        case = {"name": name, "warmup_steps": warmup, "max_train_steps": total,
                "learning_rate": rate}
        if name == "cosine_with_restarts":
            yield from (case | {"num_cycles": cycles} for cycles in (1, 2, 3, 5))
        elif name == "polynomial":
            if warmup < total:  # diffusers divides by zero where nothing is left after the warm-up
                yield from (case | {"power": power} for power in (0.5, 1, 2, 3.3))
        else:
            yield case


def diffusers_factors(case):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=case["learning_rate"])
    scheduler = get_scheduler(case["name"], optimizer, num_warmup_steps=case["warmup_steps"],
                              num_training_steps=case["max_train_steps"],
                              num_cycles=case.get("num_cycles", 1), power=case.get("power", 1.0))
    return [scheduler.lr_lambdas[0](step) for step in case["steps"]]


def test_lr_factors_are_those_of_diffusers():
    cases = [case | {"steps": list(range(case["max_train_steps"] + 3))}
             for case in schedule_cases()]
    replies = ask_one({"op": "lr_factors", "schedules": cases})["factors"]
    for case, ours in zip(cases, replies, strict=True):
        theirs = diffusers_factors(case)
        worst = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
        assert worst < 1e-12, (case, ours, theirs)
        record("learning rates", case["name"], worst)


def test_schedules_that_make_no_sense_are_refused():
    base = {"warmup_steps": 0, "max_train_steps": 10, "learning_rate": 1e-7, "steps": [0]}
    unknown, low = ask_one({"op": "lr_factors", "schedules": [
        base | {"name": "piecewise"}, base | {"name": "polynomial"}]})["factors"]
    assert all(word in unknown for word in ("lr_scheduler", "piecewise", "cosine_with_restarts"))
    assert "learning_rate is 1e-07" in low


SHAPES = {"linear": (40, 24), "conv": (6, 10, 3, 3), "norm": (17,), "scalar": (), "large": (96, 67)}


def random_training(seed, steps):
    """Values, and gradients of each step: some large, some small, some that are not there."""
    g = torch.Generator().manual_seed(seed)
    tensors = {f"value.{name}": torch.randn(shape, generator=g) for name, shape in SHAPES.items()}
    for step, (i, (name, shape)) in itertools.product(range(steps), enumerate(SHAPES.items())):
        if (step + i) % 7 == 3 and name != "large":
            continue
        scale = 10.0 ** (step % 5 - 3)
        tensors[f"grad.{step}.{name}"] = torch.randn(shape, generator=g) * scale
    return tensors


def reference_training(optimizer_of, tensors, steps, rate, max_norm=None):
    parameters = {name: torch.nn.Parameter(tensors[f"value.{name}"].clone()) for name in SHAPES}
    optimizer = optimizer_of(list(parameters.values()), lr=rate)
    norms = []
    for step in range(steps):
        for name, parameter in parameters.items():
            gradient = tensors.get(f"grad.{step}.{name}")
            parameter.grad = None if gradient is None else gradient.clone()
        for group in optimizer.param_groups:
            group["lr"] = rate / (1 + step)
        if max_norm is not None:
            norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), max_norm).item())
        optimizer.step()
    return parameters, norms, optimizer


@pytest.mark.parametrize("max_norm", [None, 1e-3, 0.5, 1e6])
@pytest.mark.parametrize("options", [
    {}, {"weight_decay": 0.3, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-5}, {"weight_decay": 0.0}])
def test_adamw_is_that_of_pytorch(tmp_path, options, max_norm):
    tensors, steps, rate = random_training(3, 20), 20, 1e-2
    torch_options = {"betas": (options.get("beta1", 0.9), options.get("beta2", 0.999)),
                     "weight_decay": options.get("weight_decay", 0.01),
                     "eps": options.get("epsilon", 1e-8), "foreach": False}
    reference, norms, _ = reference_training(
        lambda values, lr: torch.optim.AdamW(values, lr=lr, **torch_options), tensors, steps, rate,
        max_norm)
    request = {"op": "adamw", "options": options, "steps": steps, "learning_rate": rate}
    if max_norm is not None:
        request["max_norm"] = max_norm
    reply, ours = ask_with_tensors(tmp_path, tensors, **request)
    for name, parameter in reference.items():
        error = relative_error(ours[f"value.{name}"], parameter.detach())
        assert error <= 1e-6, name
        record("AdamW", name, error)
    for ours_norm, norm in zip(reply["norms"], norms, strict=True):
        assert ours_norm == pytest.approx(norm, rel=1e-6)
    assert ours["norm.step"].item() == sum(f"grad.{step}.norm" in tensors for step in range(steps))


def test_levels_of_8_bits_are_those_of_bitsandbytes():
    reply = ask_one({"op": "levels"})
    for kind, is_signed in (("signed", True), ("unsigned", False)):
        theirs = create_dynamic_map(signed=is_signed)
        assert relative_error(torch.tensor(reply[kind]), theirs) < 1e-7


def test_adamw_of_8_bits_is_that_of_bitsandbytes(tmp_path):
    steps, rate = 20, 1e-2
    tensors = random_training(5, steps)
    reference, _, optimizer = reference_training(
        lambda values, lr: bitsandbytes.optim.AdamW8bit(values, lr=lr), tensors, steps, rate)
    options = {"use_8bit": True, "weight_decay": 0.01}
    reply, ours = ask_with_tensors(tmp_path, tensors, op="adamw", options=options, steps=steps,
                                   learning_rate=rate)
    state = optimizer.state[reference["large"]]
    # Its code for the CPU does not always take the nearest of the finest levels: one that it took
    # otherwise moves the next step too.
    for ours_name, name, levels in (("exp_avg", "state1", "qmap1"),
                                    ("exp_avg_sq", "state2", "qmap2")):
        found, expected = ours[f"large.{ours_name}"].int(), state[name].flatten().int()
        assert (found != expected).float().mean() < 0.05
        apart = (state[levels][found] - state[levels][expected]).abs().max()
        assert apart <= state[levels].diff().max() * 1.001
    assert relative_error(ours["large.exp_avg_absmax"], state["absmax1"]) < 1e-5
    assert relative_error(ours["large.exp_avg_sq_absmax"], state["absmax2"]) < 1e-5
    for name, parameter in reference.items():
        moved = (parameter.detach() - tensors[f"value.{name}"]).abs().max()
        error = ((ours[f"value.{name}"] - parameter.detach()).abs().max() / moved).item()
        assert error < (0.04 if name == "large" else 1e-4), name
        record("AdamW of 8 bits, of the way", name, error)
    large, blocks = 96 * 67, -(-96 * 67 // 256)
    others = sum(torch.Size(shape).numel() for shape in SHAPES.values()) - large
    assert reply["bytes"] == 2 * large + 2 * 4 * blocks + 2 * 4 * others + 4 * len(SHAPES)


def test_average_is_that_of_diffusers(tmp_path):
    g = torch.Generator().manual_seed(1)
    shapes, steps = {"a": (7, 5), "b": (3,)}, 30
    tensors = {f"value.{name}": torch.randn(shape, generator=g) for name, shape in shapes.items()}
    tensors |= {f"value.{step}.{name}": torch.randn(shape, generator=g)
                for step in range(steps) for name, shape in shapes.items()}
    for decay in (0.5, 0.9999):
        values = [torch.nn.Parameter(tensors[f"value.{name}"].clone()) for name in shapes]
        average = EMAModel(values, decay=decay)
        decays = []
        for step in range(steps):
            for name, value in zip(shapes, values):
                value.data.copy_(tensors[f"value.{step}.{name}"])
            average.step(values)
            decays.append(average.cur_decay_value)
        reply, ours = ask_with_tensors(tmp_path, tensors, op="ema", steps=steps, decay=decay)
        assert reply["decays"] == pytest.approx(decays, abs=1e-15)
        for name, theirs in zip(shapes, average.shadow_params):
            error = relative_error(ours[name], theirs)
            assert error < 1e-6
            record("moving average", name, error)

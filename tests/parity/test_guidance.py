"""What a request or its weights may set beside the matrix: eta, guidance_rescale, Karras spacing,
betas that end at no signal at all. Final latents against diffusers 0.42.1, live. And that requests
leave nothing behind.
"""
import itertools

import pytest
import torch

from engine_client import run_engine
from probes import relative_error
from summary import record
from test_matrix import TASKS, TOLERANCE, UNETS, Model, image_and_mask, operation
from test_schedulers import CLASSES, KARRAS

STEPS = 7
ZERO_SNR = ("DDIM", "DPMSolverMultistep", "K_EULER", "K_EULER_ANCESTRAL", "UniPCMultistep")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {channels: Model(name, folder) for channels, name in UNETS.items()}


def compare(models, row, cells, config=(), tolerance=TOLERANCE, plain=False):
    """cells: (scheduler, task, what else is asked). `plain`: what is asked must show."""
    image, mask = image_and_mask()
    inputs = {"image": image.float(), "mask": mask.float()}
    prediction = "epsilon" if row in ("eta", "karras") else "v_prediction"
    spacing = "trailing" if config else "leading"
    for channels, model in models.items():
        group = [(i, cell) for i, cell in enumerate(cells) if (cell[1] == "inpaint-9")
                 == (channels == 9)]
        folder = model.variant(prediction, spacing, **dict(config))
        reply = run_engine(folder, [
            asked for i, (scheduler, task, more) in group
            for asked in (operation(i, scheduler, task, STEPS, seed=i, **more),
                          operation(f"-plain{i}", scheduler, task, STEPS, seed=i))], inputs)
        for i, (scheduler, task, more) in group:
            theirs = model.reference(folder, scheduler, task, STEPS, seed=i, **more)
            error = relative_error(reply[f"cell{i}"], theirs)
            record("settings of a request", row, error, unit="cells")
            assert error <= tolerance, (scheduler, task, more)
            if plain:
                assert relative_error(reply[f"cell-plain{i}"], theirs) > 1e-3, (scheduler, task)


@pytest.mark.filterwarnings("ignore")
def test_eta(models):
    compare(models, "eta", [("DDIM", task, {"eta": eta}) for task in TASKS for eta in (0.3, 1.0)],
            plain=True)


@pytest.mark.filterwarnings("ignore")
def test_karras(models):
    compare(models, "karras", [(name, task, {"karras": True}) for name in KARRAS
                               for task in TASKS], plain=True)


@pytest.mark.filterwarnings("ignore")
def test_guidance_rescale(models):
    """diffusers has it in text to image alone."""
    compare(models, "guidance_rescale", [(name, "txt2img", {"guidance_rescale": 0.7})
                                         for name in CLASSES], plain=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ZERO_SNR)
def test_zero_terminal_snr(models, name):
    # Euler's first sigma is 4096: what the later steps add up from has lost three digits.
    tolerance = 1e-3 if name.startswith("K_EULER") else TOLERANCE
    compare(models, f"zero terminal SNR, {name}", [(name, "txt2img", {"guidance_rescale": 0.7})],
            {"rescale_betas_zero_snr": True}, tolerance)


def test_no_scheduler_remembers_another(models):
    """In the original templates UniPC failed after DPMSolverMultistep, and the other way round."""
    model = models[4]
    folder = model.variant("epsilon", "leading")
    pairs = [name for pair in itertools.product(CLASSES, CLASSES) for name in pair]
    after = run_engine(folder, [operation(i, name, "txt2img", 3, seed=5)
                                for i, name in enumerate(pairs)])
    fresh = run_engine(folder, [operation(name, name, "txt2img", 3, seed=5)
                                for name in reversed(CLASSES)])
    for i, name in enumerate(pairs):
        assert torch.equal(after[f"cell{i}"], fresh[f"cell{name}"]), pairs[max(0, i - 1):i + 1]

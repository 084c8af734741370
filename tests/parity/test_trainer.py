"""The trainer against PyTorch: gradients of every module, and weights after some steps."""
import pytest
import tiny_models
import torch
from peft import LoraConfig
from safetensors.torch import load_file
from trainer_client import (PROMPTS, Reference, draw_pictures, gradients, run_probe,
                            training_pixels, worst_error)

MODELS = ["sd1", "sd2", "deep", "lopsided", "switches", "plain-middle", "no-middle"]
UNET_TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]
TEXT_TARGETS = ["q_proj", "k_proj", "v_proj", "out_proj"]


@pytest.fixture(autouse=True)
def gradients_recorded():
    with torch.enable_grad():
        yield


def request_for(name, folder, **options):
    pipe = tiny_models.build(name)
    base = tiny_models.save(pipe, folder / "base")
    return pipe, PROMPTS | {
        "base": str(base), "resolution": 32,
        "instance_pictures": draw_pictures(folder, 3),
        "class_pictures": draw_pictures(folder, 4, "class"), "num_class_images": 4} | options


def named(model, component):
    """Parameters by the names that published files have."""
    prefix = "text_model." if component == "text_encoder" else ""
    return {f"{component}.{name if name.startswith(prefix) else prefix + name}": parameter
            for name, parameter in model.named_parameters()}


def reference_gradients(pipe, request, components=("unet", "text_encoder")):
    reference = Reference(pipe, request)
    for component in components:
        getattr(pipe, component).requires_grad_(True)
    loss = reference.loss(range(request.get("train_batch_size", 1)))
    loss.backward()
    return loss.item(), {f"grad.{name}": parameter.grad for component in components
                         for name, parameter in named(getattr(pipe, component), component).items()
                         if parameter.grad is not None}


@pytest.mark.parametrize("name", MODELS)
def test_gradients_of_all_weights(name, tmp_path):
    pipe, request = request_for(name, tmp_path, train_batch_size=2)
    ours_loss, ours = gradients(tmp_path, request)
    loss, reference = reference_gradients(pipe, request)
    assert ours_loss == pytest.approx(loss, rel=1e-5)
    error, where = worst_error(ours, reference)
    assert error < 1e-4, where


@pytest.mark.parametrize("options", [
    {"snr_gamma": 5.0, "offset_noise": 0.1}, {"with_prior_preservation": False},
    {"train_text_encoder": False}, {"pad_tokens": True, "center_crop": True}],
    ids=lambda options: next(iter(options)))
@pytest.mark.parametrize("name", ["sd1", "sd2"])
def test_gradients_with_options(name, options, tmp_path):
    pipe, request = request_for(name, tmp_path, train_batch_size=3, **options)
    ours_loss, ours = gradients(tmp_path, request)
    components = ("unet", "text_encoder") if options.get("train_text_encoder", True) else ("unet",)
    loss, reference = reference_gradients(pipe, request, components)
    assert ours_loss == pytest.approx(loss, rel=1e-5)
    error, where = worst_error(ours, reference)
    assert error < 1e-4, where


@pytest.mark.parametrize("name", ["sd1", "deep"])
def test_recomputed_gradients_are_the_same(name, tmp_path):
    _, request = request_for(name, tmp_path)
    lora = {"lora": {"rank": 3, "dropout": 0.3}}
    for options in ({}, {"train_text_encoder": False}, lora):
        loss, kept = gradients(tmp_path, request | options)
        again, recomputed = gradients(tmp_path,
                                      request | options | {"gradient_checkpointing": True})
        assert again == pytest.approx(loss, rel=1e-6)
        error, where = worst_error(recomputed, kept)
        assert error < 1e-4, where


@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
@pytest.mark.parametrize("name", ["sd1", "sd2"])
def test_gradients_of_lora(name, dora, tmp_path):
    pipe, request = request_for(
        name, tmp_path, train_batch_size=2,
        lora={"rank": 3, "alpha": 6, "dora": dora,
              "unet_targets": UNET_TARGETS + ["ff.net.0.proj", "time_emb_proj"]})
    ours_loss, ours = gradients(tmp_path, request, randomise=11)
    values = {name.removeprefix("value."): ours.pop(name) for name in list(ours)
              if name.startswith("value.")}
    reference = Reference(pipe, request)
    add_adapters(pipe, request["lora"])
    parameters = lora_parameters(pipe)
    assert parameters.keys() == values.keys()
    with torch.no_grad():
        for parameter_name, parameter in parameters.items():
            parameter.copy_(values[parameter_name])
    loss = reference.loss(range(2))
    loss.backward()
    assert ours_loss == pytest.approx(loss.item(), rel=1e-5)
    error, where = worst_error(ours, {f"grad.{name}": parameter.grad
                                      for name, parameter in parameters.items()})
    assert error < 1e-4, where


def add_adapters(pipe, lora):
    for model, targets in ((pipe.unet, lora.get("unet_targets", UNET_TARGETS)),
                           (pipe.text_encoder, TEXT_TARGETS)):
        model.add_adapter(LoraConfig(r=lora["rank"], lora_alpha=lora.get("alpha", 4),
                                     target_modules=targets, use_dora=lora.get("dora", False)))


def lora_parameters(pipe):
    """peft's parameters by our names."""
    kinds = {"lora_A": "down", "lora_B": "up", "lora_magnitude_vector": "magnitude"}
    result = {}
    for component in ("unet", "text_encoder"):
        for name, parameter in named(getattr(pipe, component), component).items():
            for theirs, ours in kinds.items():
                layer, found, _ = name.partition(f".{theirs}.")
                if found:
                    result[f"{layer}.{ours}"] = parameter
                    parameter.requires_grad_(True)
    return result


STEPS = 20


@pytest.mark.parametrize("options", [
    {}, {"gradient_accumulation_steps": 2, "train_batch_size": 2, "lr_scheduler": "cosine",
         "lr_warmup_steps": 4, "snr_gamma": 5.0, "offset_noise": 0.05},
    {"lora": {"rank": 3, "alpha": 3}, "learning_rate": 1e-3}], ids=["plain", "schedule", "lora"])
@pytest.mark.parametrize("name", ["sd1", "sd2"])
def test_trajectory(name, options, tmp_path):
    """Losses and weights after 20 steps, the same data, noise and timesteps."""
    from diffusers.optimization import get_scheduler
    # Gradients that are nothing but rounding (a key bias) would else become whole steps of Adam.
    pipe, request = request_for(name, tmp_path,
                                **{"learning_rate": 2e-4, "adam_epsilon": 1e-5} | options)
    request |= {"max_train_steps": STEPS, "output": str(tmp_path / "out"),
                "weights_format": "safetensors", "checkpoints": str(tmp_path / "checkpoints"),
                "checkpointing_steps": STEPS}
    (tmp_path / "out").mkdir()
    ours = run_probe({"op": "train", "request": request, "pictures": str(tmp_path)})

    reference = Reference(pipe, request)
    if "lora" in request:
        first = torch.Generator().manual_seed(1337 + 1)
        add_adapters(pipe, request["lora"])
        parameters = lora_parameters(pipe)
        with torch.no_grad():
            for component in ("unet", "text_encoder"):
                for key in sorted(key for key in parameters if key.startswith(component)
                                  and key.endswith(".down")):
                    shape = parameters[key].shape
                    parameters[key].copy_(torch.randn(shape, generator=first) / shape[0])
                    parameters[key.removesuffix("down") + "up"].zero_()
    else:
        parameters = named(pipe.unet, "unet") | named(pipe.text_encoder, "text_encoder")
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters.values(), lr=request["learning_rate"],
                                  weight_decay=0.01, eps=request["adam_epsilon"])
    schedule = get_scheduler(request.get("lr_scheduler", "constant"), optimiser,
                             num_warmup_steps=request.get("lr_warmup_steps", 0),
                             num_training_steps=STEPS)
    accumulation = request.get("gradient_accumulation_steps", 1)
    for step in range(STEPS):
        total = 0.0
        for _ in range(accumulation):
            loss = reference.loss(reference.next_places()) / accumulation
            loss.backward()
            total += loss.item()
        assert ours["losses"][step] == pytest.approx(total, rel=1e-3), f"step {step + 1}"
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
    trained = load_file(tmp_path / "checkpoints" / f"checkpoint-{STEPS}" / "state.safetensors")
    error, where = worst_error({key: trained[key] for key in parameters},
                               {key: parameter.detach() for key, parameter in parameters.items()})
    assert error < 1e-3, where


@pytest.mark.parametrize("center_crop", [True, False], ids=["centre", "chance"])
def test_pixels(center_crop, tmp_path):
    for index, picture in enumerate(draw_pictures(
            tmp_path, 6, sizes=((37, 90), (90, 37), (33, 33), (64, 65), (200, 33), (48, 32)))):
        output = tmp_path / "pixels.safetensors"
        run_probe({"op": "pixels", "picture": picture["file"], "size": 32,
                   "center_crop": center_crop, "seed": index, "output": str(output)})
        expected = training_pixels(picture["file"], 32, center_crop,
                                   torch.Generator().manual_seed(index))
        assert torch.equal(load_file(output)["pixels"], expected)


def test_snr_weights_at_the_ends():
    """Where nothing of the picture is left, the prediction of noise counts whole."""
    assert run_probe({"op": "snr_weights", "snr": [0.0, 1.0, 10.0], "gamma": 5.0,
                      "v_prediction": False}) == pytest.approx([1.0, 1.0, 0.5])
    assert run_probe({"op": "snr_weights", "snr": [0.0, 1.0, 10.0], "gamma": 5.0,
                      "v_prediction": True}) == pytest.approx([0.0, 0.5, 5 / 11])

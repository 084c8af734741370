"""The C++ weight readers against torch and safetensors: same names, dtypes, shapes, bytes."""
import collections
import json
import os
import pathlib
import subprocess
import sys
import time
import types
import zipfile

import pytest
import torch
from safetensors.torch import save_file

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DREAM_BUILD_DIR", REPO / "build" / "dev"))
PROBE = BUILD / "bin" / "weights_probe"

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U8": torch.uint8, "BOOL": torch.bool,
}


def probe(*arguments):
    return subprocess.run([PROBE, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def read(path):
    """Tensors as the C++ reader gives them, and its notes as one text."""
    dump = pathlib.Path(str(path) + ".dump")
    result = probe(path, dump)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    data = dump.read_bytes()
    tensors = {}
    for entry in report["tensors"]:
        piece = bytearray(data[entry["offset"]:entry["offset"] + entry["bytes"]])
        dtype = DTYPES[entry["dtype"]]
        flat = torch.frombuffer(piece, dtype=dtype) if piece else torch.empty(0, dtype=dtype)
        tensors[entry["name"]] = flat.reshape(entry["shape"])
    return tensors, "\n".join(report["notes"]), report


def bits(tensor):
    return tensor.clone(memory_format=torch.contiguous_format).reshape(-1).view(torch.uint8)


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and bits(a).equal(bits(b))


def assert_equal(actual, expected):
    assert sorted(actual) == sorted(expected)
    for name, tensor in expected.items():
        assert same_bits(actual[name], tensor.detach()), name


def refused(path):
    result = probe(path)
    assert result.returncode == 1, (result.returncode, result.stdout[:500])
    assert str(path) in result.stderr
    return result.stderr


def every_dtype():
    torch.manual_seed(0)
    tensors = {}
    for dtype in DTYPES.values():
        name = str(dtype).removeprefix("torch.")
        tensors[f"{name}.matrix"] = (torch.randn(3, 5) * 9).to(dtype)
        tensors[f"{name}.scalar"] = torch.tensor(1).to(dtype)
        tensors[f"{name}.empty"] = torch.empty(0, 4, dtype=dtype)
    return tensors


def test_safetensors_with_every_dtype(tmp_path):
    expected = every_dtype()
    save_file(expected, tmp_path / "x.safetensors", {"format": "pt", "emoji": "🦊"})
    actual, notes, report = read(tmp_path / "x.safetensors")
    assert_equal(actual, expected)
    assert report["metadata"] == {"format": "pt", "emoji": "🦊"}
    assert notes == "" and report["format"] == "safetensors"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_torch_with_every_dtype(tmp_path, protocol):
    expected = every_dtype()
    torch.save(expected, tmp_path / "x.bin", pickle_protocol=protocol)
    actual, notes, report = read(tmp_path / "x.bin")
    assert_equal(actual, expected)
    assert notes == "" and report["format"] == "torch-zip"


def test_views_and_shared_storages(tmp_path):
    base = torch.arange(24, dtype=torch.float32)
    cube = base.reshape(2, 3, 4)
    expected = {
        "base": base, "again": base, "tail": base[20:], "step": base[1::5], "cube": cube,
        "transposed": cube.transpose(0, 2), "permuted": cube.permute(1, 2, 0),
        "column": cube[:, 1, ::2], "expanded": base[:3].expand(4, 3), "one": cube[1:2, :1],
        "diagonal": base[:9].reshape(3, 3).diagonal(),
        "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    }
    torch.save(expected, tmp_path / "x.pt")
    assert_equal(read(tmp_path / "x.pt")[0], expected)


def test_random_strided_views(tmp_path):
    generator = torch.Generator().manual_seed(3)

    def number(low, high):
        return int(torch.randint(low, high, (), generator=generator))

    expected = {}
    for index in range(200):
        shape = [number(1, 5) for _ in range(number(0, 5))]
        strides = [number(0, 7) for _ in shape]
        offset = number(0, 5)
        size = offset + sum((d - 1) * s for d, s in zip(shape, strides)) + 1 + number(0, 3)
        expected[f"t{index}"] = torch.as_strided(
            torch.randn(size, generator=generator), shape, strides, offset)
    torch.save(expected, tmp_path / "x.pt")
    assert_equal(read(tmp_path / "x.pt")[0], expected)


def test_module_state_dict_and_parameters(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4),
                                torch.nn.Conv2d(2, 2, 3)).half()
    torch.save(model.state_dict(), tmp_path / "state.bin")
    actual, notes, _ = read(tmp_path / "state.bin")
    assert_equal(actual, model.state_dict())
    assert notes == ""
    torch.save(dict(model.named_parameters()), tmp_path / "parameters.bin")
    assert_equal(read(tmp_path / "parameters.bin")[0], dict(model.named_parameters()))


def test_tensor_with_attributes(tmp_path):
    tensor = torch.randn(2, 2)
    tensor.note = "kept by pickle"
    parameter = torch.nn.Parameter(torch.randn(3))
    parameter.note = {"a": 1}
    torch.save({"t": tensor, "p": parameter}, tmp_path / "x.pt")
    assert_equal(read(tmp_path / "x.pt")[0], {"t": tensor, "p": parameter})


def test_nested_containers_become_dotted_names(tmp_path):
    a, b, c = torch.randn(2), torch.randn(3), torch.randn(1)
    torch.save({"net": collections.OrderedDict(w=a), "list": [b, (c,)], 3: a,
                "default": collections.defaultdict(list, k=b)}, tmp_path / "x.pt")
    assert_equal(read(tmp_path / "x.pt")[0],
                 {"net.w": a, "list.0": b, "list.1.0": c, "3": a, "default.k": b})


def test_textual_inversion_layouts(tmp_path):
    vector = torch.randn(1, 768)
    torch.save({"<cat>": vector[0]}, tmp_path / "diffusers.bin")
    torch.save({"string_to_token": {"*": 265}, "string_to_param": {"*": vector}, "name": "cat",
                "step": 10, "sd_checkpoint": None}, tmp_path / "webui.pt")
    assert_equal(read(tmp_path / "diffusers.bin")[0], {"<cat>": vector[0]})
    actual, notes, _ = read(tmp_path / "webui.pt")
    assert_equal(actual, {"string_to_param.*": vector})
    assert "skipped what is not a tensor" in notes
    for name in ("diffusers.bin", "webui.pt"):
        report = json.loads(probe("--inspect", tmp_path / name).stdout)
        assert report["components"][0]["kind"] == "textual inversion"


@pytest.fixture
def foreign_module():
    """A class that pickles by a module name which the reader has never heard of."""
    module = types.ModuleType("pytorch_lightning_lookalike")

    class ModelCheckpoint:
        def __init__(self):
            self.best = torch.randn(2)
            self.monitor = "loss"

    ModelCheckpoint.__module__ = module.__name__
    ModelCheckpoint.__qualname__ = "ModelCheckpoint"
    module.ModelCheckpoint = ModelCheckpoint
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def test_lightning_checkpoint(tmp_path, foreign_module):
    weights = collections.OrderedDict(w=torch.randn(2, 2), b=torch.randn(2).bfloat16())
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    with torch.enable_grad():
        model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    torch.save({
        "epoch": 4, "global_step": 1000, "pytorch-lightning_version": "1.4.2",
        "state_dict": weights, "callbacks": {"cb": foreign_module.ModelCheckpoint()},
        "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [],
        "hparams": types.SimpleNamespace(lr=1e-4),
    }, tmp_path / "x.ckpt")
    actual, notes, _ = read(tmp_path / "x.ckpt")
    assert_equal(actual, weights)
    assert "pytorch_lightning_lookalike.ModelCheckpoint" in notes
    assert "epoch" in notes and "optimizer_states" in notes


class Attack:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_attack_beside_tensors_is_inert(tmp_path):
    marker = tmp_path / "owned"
    weights = {"w": torch.ones(2), "x": Attack(f"touch {marker}")}
    torch.save(weights, tmp_path / "x.bin")
    actual, notes, _ = read(tmp_path / "x.bin")
    assert_equal(actual, {"w": weights["w"]})
    assert "not executed" in notes and "system" in notes
    assert not marker.exists()


def test_attack_alone_is_refused(tmp_path):
    marker = tmp_path / "owned"
    torch.save(Attack(f"touch {marker}"), tmp_path / "x.bin")
    assert "system" in refused(tmp_path / "x.bin")
    assert not marker.exists()


def with_pickle(path, data):
    """A file of torch.save with another pickle in it."""
    source = path.with_suffix(".source")
    torch.save({"w": torch.ones(4)}, source)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, data if name.endswith("/data.pkl") else old.read(name))
    return path


def test_tensor_that_depends_on_an_attack_is_refused(tmp_path):
    torch.save({"w": torch.ones(4)}, tmp_path / "good")
    with zipfile.ZipFile(tmp_path / "good") as archive:
        name = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
        good = archive.read(name)
    attacks = {b"ctorch\nFloatStorage\n": b"cposix\nsystem\n",
               b"ctorch._utils\n_rebuild_tensor_v2\n": b"ctorch._utils\n_rebuild_qtensor\n"}
    for old, new in attacks.items():
        assert good.count(old) == 1
        message = refused(with_pickle(tmp_path / "bad.bin", good.replace(old, new)))
        assert "tensor 'w'" in message and new.split()[-1].decode() in message


def test_bombs_end_quickly_with_a_message(tmp_path):
    doubled = [torch.ones(1)]
    for _ in range(40):
        doubled = [doubled, doubled]
    cycle = {}
    cycle["again"] = cycle
    torch.save(doubled, tmp_path / "memo.bin")
    torch.save(cycle, tmp_path / "cycle.bin")
    with_pickle(tmp_path / "huge_text.bin", b"\x80\x02X\xff\xff\xff\xff.")
    with_pickle(tmp_path / "huge_long.bin", b"\x80\x02\x8b\xff\xff\xff\x7f.")
    with_pickle(tmp_path / "huge_bytes.bin", b"\x80\x04\x8e" + b"\xff" * 8 + b".")
    torch.save({"w": torch.zeros(1).expand(1 << 40)}, tmp_path / "expanded.bin")
    expected = {"memo": "holds more than", "cycle": "nested deeper", "huge_text": "over the limit",
                "huge_long": "over the limit", "huge_bytes": "over the limit",
                "expanded": "exceeds the limit"}
    for name, message in expected.items():
        start = time.monotonic()
        assert message in refused(tmp_path / f"{name}.bin"), name
        assert time.monotonic() - start < 5, name


def test_big_endian_files_are_refused_and_deflated_ones_read(tmp_path):
    torch.save({"w": torch.ones(4)}, tmp_path / "x.bin")
    with zipfile.ZipFile(tmp_path / "x.bin") as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "big.bin", "w") as archive:
        for name, data in content.items():
            archive.writestr(name, b"big" if name.endswith("byteorder") else data)
    assert "byte order" in refused(tmp_path / "big.bin")
    with zipfile.ZipFile(tmp_path / "deflated.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    assert_equal(read(tmp_path / "deflated.bin")[0], {"w": torch.ones(4)})


@pytest.mark.parametrize("level", [1, 6, 9])
def test_deflated_storages(tmp_path, level):
    expected = {f"t{i}": torch.randn(1 + 700 * i) for i in range(8)}
    expected |= {"zeros": torch.zeros(9000), "steps": torch.arange(5000), **every_dtype()}
    torch.save(expected, tmp_path / "x.bin")
    with zipfile.ZipFile(tmp_path / "x.bin") as old, zipfile.ZipFile(
            tmp_path / "deflated.bin", "w", zipfile.ZIP_DEFLATED, compresslevel=level) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert_equal(read(tmp_path / "deflated.bin")[0], expected)


def test_zip_bombs_are_refused(tmp_path):
    torch.save({"w": torch.zeros(60_000_000)}, tmp_path / "x.bin")
    with zipfile.ZipFile(tmp_path / "x.bin") as old, zipfile.ZipFile(
            tmp_path / "bomb.bin", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    (tmp_path / "x.bin").unlink()
    assert "more than is allowed" in refused(tmp_path / "bomb.bin")


def test_every_truncation_is_refused(tmp_path):
    save_file({"a": torch.ones(3), "b": torch.ones(2).half()}, tmp_path / "x.safetensors")
    torch.save({"a": torch.ones(3)}, tmp_path / "x.bin")
    for name in ("x.safetensors", "x.bin"):
        data = (tmp_path / name).read_bytes()
        step = max(1, len(data) // 40)
        for length in range(0, len(data), step):
            cut = tmp_path / f"cut-{name}"
            cut.write_bytes(data[:length])
            refused(cut)


def test_sharded_models(tmp_path):
    expected = {f"layer.{i}": torch.randn(4) for i in range(6)}
    weight_map = {}
    for shard in range(3):
        part = {k: v for i, (k, v) in enumerate(expected.items()) if i % 3 == shard}
        save_file(part, tmp_path / f"model-{shard}.safetensors")
        weight_map.update({name: f"model-{shard}.safetensors" for name in part})
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 96}, "weight_map": weight_map}))
    assert_equal(read(index)[0], expected)
    index.write_text(json.dumps({"weight_map": {"layer.0": "../model-0.safetensors"}}))
    assert "plain file name" in refused(index)


def models():
    from diffusers import AutoencoderKL, ControlNetModel, T2IAdapter, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    unet = UNet2DConditionModel(
        block_out_channels=(32, 64), down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), layers_per_block=1,
        cross_attention_dim=768, attention_head_dim=8)
    yield "UNet2DConditionModel SD 1.x-like", unet
    yield "ControlNetModel SD 1.x-like", ControlNetModel.from_unet(unet)
    yield "AutoencoderKL", AutoencoderKL(
        block_out_channels=(32, 64), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2)
    yield "T2IAdapter", T2IAdapter(channels=[32, 64], adapter_type="full_adapter",
                                   downscale_factor=8)
    yield "CLIPTextModel with text embeddings of width 32", CLIPTextModel(CLIPTextConfig(
        hidden_size=32, intermediate_size=64, num_attention_heads=4, num_hidden_layers=2,
        vocab_size=100, bos_token_id=0, eos_token_id=1))


@pytest.mark.parametrize("serialization", [True, False], ids=["safetensors", "bin"])
def test_kinds_of_real_models_leave_nothing_unmatched(tmp_path, serialization):
    for index, (label, model) in enumerate(models()):
        folder = tmp_path / str(index)
        folder.mkdir()
        state = model.state_dict()
        if serialization:
            model.save_pretrained(folder)
        else:
            torch.save(state, folder / "pytorch_model.bin")
        result = probe("--inspect", folder)
        assert result.returncode == 0, result.stderr
        component = json.loads(result.stdout)["components"][0]
        assert component["label"] == label
        assert component["unmatched"] == []
        assert component["tensor_count"] == len(state)
        assert component["parameters"] == sum(
            t.numel() for t in state.values() if t.is_floating_point())
        assert label in probe("--report", folder).stdout

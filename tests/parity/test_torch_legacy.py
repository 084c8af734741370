"""Files of torch.save from before PyTorch 1.6; the attacks that both containers must survive."""
import io
import pickle
import resource
import subprocess
import time

import pytest
import torch
from test_weight_files import PROBE, assert_equal, every_dtype, read, refused, with_pickle
from test_weight_files import Attack, foreign_module, test_lightning_checkpoint  # noqa: F401

HEAD = {"magic": 0x1950A86A20F9469CFC6C, "version": 1001,
        "machine": {"protocol_version": 1001, "little_endian": True,
                    "type_sizes": {"short": 2, "int": 4, "long": 4}}}


def legacy(path, value, protocol=2):
    torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_dtype(tmp_path, protocol):
    expected = every_dtype()
    actual, notes, report = read(legacy(tmp_path / "x.bin", expected, protocol))
    assert_equal(actual, expected)
    assert notes == "" and report["format"] == "torch-legacy"


def test_views_shared_storages_and_parameters(tmp_path):
    base = torch.arange(24, dtype=torch.float32)
    expected = {"base": base, "tail": base[20:], "step": base[1::5],
                "transposed": base.reshape(4, 6).t(), "expanded": base[:3].expand(4, 3),
                "parameter": torch.nn.Parameter(torch.randn(3).bfloat16())}
    assert_equal(read(legacy(tmp_path / "x.pt", expected))[0], expected)


def test_lightning_checkpoint_in_the_old_container(tmp_path, foreign_module, monkeypatch):
    save = torch.save
    monkeypatch.setattr(torch, "save", lambda value, path: save(
        value, path, _use_new_zipfile_serialization=False))
    test_lightning_checkpoint(tmp_path, foreign_module)


def test_every_truncation_is_refused(tmp_path):
    data = legacy(tmp_path / "x.bin", {"a": torch.ones(3), "b": torch.ones(2)}).read_bytes()
    for length in range(0, len(data), max(1, len(data) // 60)):
        (tmp_path / "cut.bin").write_bytes(data[:length])
        refused(tmp_path / "cut.bin")


def test_storages_that_lie_are_refused(tmp_path):
    data = legacy(tmp_path / "x.bin", {"a": torch.ones(3)}).read_bytes()
    count = data.rindex((3).to_bytes(8, "little") + bytes.fromhex("0000803f"))
    for lie in (2**63, 2**62, 4, 2):
        (tmp_path / "lie.bin").write_bytes(
            data[:count] + lie.to_bytes(8, "little") + data[count + 8:])
        refused(tmp_path / "lie.bin")


def old_file(path, data):
    """An old container whose object pickle is `data`."""
    head = b"".join(pickle.dumps(value, protocol=2) for value in HEAD.values())
    path.write_bytes(head + data + pickle.dumps([], protocol=2))
    return path


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def text(value):
    return b"X" + len(value).to_bytes(4, "little") + value


def attacks(marker):
    """Name → pickle. None of these may run, take memory, or load."""
    command = f"touch {marker}"
    build = b"\x80\x02cbuiltins\nobject\n)\x81}X\x03\x00\x00\x00runX\x02\x00\x00\x00idsb."
    found = {
        "system": pickle.dumps(Attack(command)),
        "system_p0_global": b"\x80\x02cos\nsystem\n" + text(command.encode()) + b"\x85R.",
        "eval": pickle.dumps(Calls(eval, f"open({str(marker)!r}, 'w')")),
        "getattr_chain": pickle.dumps(Calls(getattr, Calls(__import__, "os"), "system")),
        "nested_in_tuple_call": pickle.dumps(Calls(exec, Calls(str, Attack(command)))),
        "stack_global": b"\x80\x04\x8c\x05posix\x8c\x06system\x93" + text(command.encode())
                        + b"\x85R.",
        "newobj_ex": b"\x80\x04csubprocess\nPopen\n" + text(command.encode()) + b"\x85}\x92.",
        "inst_opcode": b"\x80\x02(" + text(command.encode()) + b"ios\nsystem\n.",
        "obj_opcode": b"\x80\x02(cos\nsystem\n" + text(command.encode()) + b"o.",
        "extension_code": b"\x80\x02\x82\x01)R.",
        "build": build,
        "huge_text": b"\x80\x02X\xff\xff\xff\xff.",
        "huge_bytes": b"\x80\x04\x8e" + b"\xff" * 8 + b".",
        "huge_long": b"\x80\x02\x8b\xff\xff\xff\x7f.",
        "huge_frame": b"\x80\x04\x95" + b"\xff" * 8 + b".",
        "huge_memo_index": b"\x80\x02]r\xff\xff\xff\xffj\xfe\xff\xff\xff.",
        "deep_lists": b"\x80\x02" + b"]" * 900_000 + b"a" * 899_999 + b".",
        "deep_marks": b"\x80\x02" + b"(" * 2_000_000 + b".",
        "stack_flood": b"\x80\x02" + b"N" * 3_000_000 + b".",
        "dup_flood": b"\x80\x02]" + b"2" * 3_000_000 + b".",
        "memo_flood": b"\x80\x04]" + b"\x94" * 3_000_000 + b".",
        "underflow": b"\x80\x02R.",
        "no_stop": b"\x80\x02}",
        "empty": b"",
    }
    found["memo_bomb"] = pickle.dumps(nested(50), protocol=2)
    return found


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value, value]
    return value


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


@pytest.mark.parametrize("container", [with_pickle, old_file], ids=["zip", "legacy"])
def test_attack_corpus(tmp_path, container):
    marker = tmp_path / "owned"
    for name, data in attacks(marker).items():
        path = container(tmp_path / f"{name}.bin", data)
        start = time.monotonic()
        result = subprocess.run([PROBE, path], capture_output=True, text=True, timeout=60,
                                preexec_fn=limited)
        assert result.returncode == 1, (name, result.returncode, result.stdout[:200])
        assert str(path) in result.stderr and "bad_alloc" not in result.stderr, (name,
                                                                                result.stderr)
        assert len(result.stderr) < 2000, name
        assert time.monotonic() - start < 10, name
        assert not marker.exists(), name


def test_attack_beside_tensors_is_inert_in_the_old_container(tmp_path):
    marker = tmp_path / "owned"
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(2), "x": Attack(f"touch {marker}")}, buffer,
               _use_new_zipfile_serialization=False)
    (tmp_path / "x.bin").write_bytes(buffer.getvalue())
    actual, notes, _ = read(tmp_path / "x.bin")
    assert_equal(actual, {"w": torch.ones(2)})
    assert "not executed" in notes and "system" in notes and not marker.exists()

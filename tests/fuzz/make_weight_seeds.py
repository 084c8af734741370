"""Writes the seed corpora of the fuzzers of weight files (needs torch and safetensors).

Run: .deps/venv/bin/python tests/fuzz/make_weight_seeds.py
"""
import collections
import io
import json
import pathlib
import struct
import zipfile

import torch
from safetensors.torch import save

CORPUS = pathlib.Path(__file__).parent / "corpus"


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def raw_safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_seeds():
    write("safetensors", "two", save({"a": torch.ones(2, 3), "b.c": torch.zeros(4).half()}))
    write("safetensors", "metadata", save({"a": torch.ones(1)}, {"format": "pt", "k": "ä"}))
    kinds = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64,
             torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
    write("safetensors", "dtypes", save({str(k): torch.ones(1, dtype=k) for k in kinds}))
    write("safetensors", "scalar_and_empty",
          save({"s": torch.tensor(3.0), "e": torch.zeros(0, 5)}))
    write("safetensors", "no_tensors", raw_safetensors({}))
    write("safetensors", "gap", raw_safetensors({"a": tensor("U8", [1], 1, 2)}, b"12"))
    write("safetensors", "foreign_dtype",
          raw_safetensors({"a": tensor("F8_E4M3", [1], 0, 1)}, b"1"))
    write("safetensors", "overflow",
          raw_safetensors({"a": tensor("F32", [2**62, 2**62], 0, 4)}, b"1234"))
    write("safetensors", "duplicate", raw_safetensors(
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{}}', b"1"))


class Foreign:
    def __reduce__(self):
        return print, ("never",)


def torch_seeds():
    base = torch.arange(6, dtype=torch.float32)
    shared = {"a": base, "b": base[2:5], "t": base.reshape(2, 3).t()}
    objects = {
        "plain": {"weight": torch.ones(2, 2), "bias": torch.zeros(2).half()},
        "shared": shared,
        "parameter": {"p": torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))},
        "lightning": {"epoch": 3, "state_dict": collections.OrderedDict(w=torch.ones(2)),
                      "callbacks": {"x": Foreign()}},
        "embedding": {"string_to_token": {"*": 265}, "string_to_param": {"*": torch.ones(1, 4)}},
        "list": [torch.ones(1), (torch.zeros(1), {"k": torch.ones(1, dtype=torch.int64)})],
    }
    for name, value in objects.items():
        old = io.BytesIO()
        torch.save(value, old, _use_new_zipfile_serialization=False)
        write("torch_legacy", name, old.getvalue())
        for protocol in (2, 4):
            if protocol == 4 and name != "lightning" and name != "plain":
                continue
            buffer = io.BytesIO()
            torch.save(value, buffer, pickle_protocol=protocol)
            with zipfile.ZipFile(buffer) as archive:
                pickle_name = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
                write("torch_zip", f"{name}_p{protocol}.pkl", archive.read(pickle_name))
                small = io.BytesIO()
                with zipfile.ZipFile(small, "w") as out:
                    for entry in archive.namelist():
                        out.writestr(zipfile.ZipInfo(entry), archive.read(entry))
            write("torch_zip", f"{name}_p{protocol}.zip", small.getvalue())
    write("torch_zip", "attack.pkl", b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.")
    write("torch_zip", "memo_bomb.pkl",
          b"\x80\x02]q\x00" + b"".join(b"](" + b"h%c" % i * 10 + b"eq%c" % (i + 1)
                                      for i in range(10)) + b".")
    write("torch_zip", "cycle.pkl", b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.")


if __name__ == "__main__":
    safetensors_seeds()
    torch_seeds()

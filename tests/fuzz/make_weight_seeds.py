"""Writes the seed corpora of the fuzzers of weight files and of what names them (needs torch and
safetensors).

Run: .deps/venv/bin/python tests/fuzz/make_weight_seeds.py
"""
import collections
import io
import json
import pathlib
import struct
import zipfile
import zlib

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


def deflated(data):
    return zlib.compress(data, 9)[2:-4]


def zip_seeds():
    text = b"the same words, the same words, the same words"
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            archive.writestr(zipfile.ZipInfo("model_index.json"), b"{}", method)
            archive.writestr(zipfile.ZipInfo("unet/config.json"), text, method)
        write("zip", name, buffer.getvalue())
    write("zip", "stream", struct.pack("<H", len(text)) + deflated(text))
    write("zip", "noise", struct.pack("<H", 256) + deflated(bytes(range(256))))
    write("zip", "too_long", struct.pack("<H", 10) + deflated(text))


# One tensor of each part of a checkpoint under its original name: enough to be taken for one.
CHECKPOINT = {
    "model.diffusion_model.input_blocks.0.0.weight": (32, 4, 3, 3),
    "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (32, 8),
    "model.diffusion_model.time_embed.0.weight": (128, 32),
    "first_stage_model.decoder.conv_in.weight": (8, 4, 3, 3),
    "first_stage_model.encoder.conv_in.weight": (8, 3, 3, 3),
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": (16, 8),
    "cond_stage_model.model.token_embedding.weight": (16, 8),
    "model_ema.diffusion_modelinput_blocks00weight": (1,),
    "alphas_cumprod": (3,),
}


def single_file_seeds():
    def tensors(*left_out):
        return {name: torch.zeros(shape, dtype=torch.uint8)
                for name, shape in CHECKPOINT.items() if not name.startswith(left_out)}
    write("single_file", "version_1", save(tensors("cond_stage_model.model")))
    write("single_file", "version_2", save(tensors("cond_stage_model.transformer")))
    write("single_file", "metadata", save(tensors("cond_stage_model.model", "model_ema"), {
        "modelspec.prediction_type": "v"}))
    write("single_file", "no_text_encoder", save(tensors("cond_stage_model")))


def text_seeds():
    for name, key in (("kohya", "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight"),
                      ("peft", "base_model.model.unet.mid_block.attn.to_q.lora_A.default.weight"),
                      ("processor", "unet.x.attn1.processor.to_q_lora.down.weight"),
                      ("loha", "lycoris_unet_x.hada_w1_a"), ("diff", "diffusion_model.x.diff_b")):
        write("lora_key", name, key.encode())
    manifests = pathlib.Path(__file__).parents[2] / "weights/manifests"
    for name in ("sd-1.5", "annotator-openpose", "controlnet-canny"):
        write("manifest", name, (manifests / f"{name}.json").read_bytes())
    for name, text in (("url", "https://h/a%20b.safetensors?x=1@0.8"),
                       ("data_url", "data:image/png;base64,aGVsbG8="), ("scale", "style@-0.5"),
                       ("disposition", "attachment; filename=\"a\"; filename*=UTF-8''%C3%A4.pt"),
                       ("plan", json.dumps({"url": "u", "etag": "W/\"e\"", "size": 10,
                                            "ranges": [[0, 4, 1], [4, 10, 0]]}))):
        write("references", name, text.encode())


if __name__ == "__main__":
    safetensors_seeds()
    torch_seeds()
    zip_seeds()
    single_file_seeds()
    text_seeds()

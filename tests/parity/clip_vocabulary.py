"""The full CLIP vocabulary (49,408 tokens) as a tokenizer folder, for tests.

Its merges lie in the PyPI package open_clip_torch. The wheel is fetched once, only that one member
is read, and the folder is kept in .deps/clip_vocabulary. Run as a script to prepare it.
"""
import gzip
import json
import subprocess
import sys
import zipfile
from pathlib import Path

DEPS = Path(__file__).resolve().parents[2] / ".deps"
FOLDER = DEPS / "clip_vocabulary"
MEMBER = "open_clip/bpe_simple_vocab_16e6.txt.gz"
MERGES = 49_152 - 256 - 2
SPECIAL = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
           "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}


def byte_characters():
    """GPT-2's character for each byte, in CLIP's order: printable ones first."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(0x100 + i) for i in range(len(others))]


def fetch_merges():
    wheels = DEPS / "wheels"
    if not list(wheels.glob("open_clip_torch-*.whl")):
        print("fetching open_clip_torch (1.5 MB) for CLIP's vocabulary", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                        "open_clip_torch", "-d", str(wheels)], check=True)
    wheel = sorted(wheels.glob("open_clip_torch-*.whl"))[-1]
    with zipfile.ZipFile(wheel) as archive:
        lines = gzip.decompress(archive.read(MEMBER)).decode("utf-8").split("\n")
    return lines[1:MERGES + 1]


def clip_vocabulary():
    """The folder with vocab.json, merges.txt and tokenizer_config.json, made if it is not there."""
    if (FOLDER / "tokenizer_config.json").exists():
        return FOLDER
    merges = fetch_merges()
    characters = byte_characters()
    tokens = characters + [c + "</w>" for c in characters]
    tokens += ["".join(merge.split()) for merge in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    assert len(tokens) == len(set(tokens)) == 49_408, len(tokens)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}))
    (FOLDER / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    (FOLDER / "special_tokens_map.json").write_text(json.dumps(SPECIAL))
    (FOLDER / "tokenizer_config.json").write_text(json.dumps(
        SPECIAL | {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77}))
    return FOLDER


if __name__ == "__main__":
    print(clip_vocabulary())

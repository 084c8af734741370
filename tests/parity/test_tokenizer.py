"""Token ids against CLIPTokenizer of transformers 5.18.

Strings of every kind, every code point, and every generation of tokenizer folder.
"""
import json
import random
import shutil
import subprocess
import unicodedata

import pytest
from transformers import CLIPTokenizer

from clip_vocabulary import clip_vocabulary
from probes import ROOT, program

EMOJI_SD = ROOT / "weights" / "emoji-sd" / "model" / "tokenizer"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
# All of the planes in use; beyond them all code points are unassigned or private and behave alike.
PROBED = [c for c in CODE_POINTS if c < 0x32000 or 0xE0000 <= c < 0xE0200 or c % 64 == 63]

WRITTEN = [
    "", " ", "a fox on a blue background", "A Fox.  On\ta\nblue\r\nbackground!!", "  leading",
    "end  ", "it's they've I'll we're he'd I'm don't O'Neil's 'sun' ''s 'S 'LL '",
    "rock'n'roll's 90's '90s", "0 00 123 4,567.89 1e10 ½ ¾ ² Ⅷ ٣٤ ४२ 〇 ①②", "x² + y² = z²",
    "$1,000.00 100% #1 @home a_b c-d", "<|startoftext|>", "<|endoftext|>", "a <|endoftext|> b",
    "a<|endoftext|>b<|startoftext|>c", "<|ENDOFTEXT|>", "!<|EndOfText|>!", "<|StartOfText|>s",
    "<|startoftext", "|endoftext|>", "<|startoftext|><|endoftext|>", "<|endoftext|>\u0301",
    "<|end\u00adoftext|>", "caf\u00e9 cafe\u0301 CAFE\u0301 CAF\u00c9", "\u00c5 A\u030a \u212b",
    "\u1e9b\u0323", "q\u0307\u0323", "\u0344 \u0958 \u2126 \ufb01",
    "\u0130stanbul I\u0307 \u0131 \u01c5 \u1e9e \u00df \u03a3\u03a3 \u1fbc",
    "\u039f\u03a3 \u03bf\u03c2 A\u03a3. \u03a3",
    "\u1100\u1161\u11a8 \uac01 \uac00\u11a8 \u1100\u1161 \ud55c\uad6d\uc5b4",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8 \u304b\u3099 \u30ac \uff76\uff9e",
    "\u4e2d\u6587\uff0c\u6a19\u9ede\u3002",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629"
    " \u0645\u064e\u0631\u0652\u062d\u064e\u0628\u0627",
    "\u05e2\u05d1\u05e8\u05d9\u05ea \u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u0915\u093c", "\u0e44\u0e17\u0e22 \u0e01\u0e33",
    "\u041f\u0440\u0438\u0432\u0435\u0442 \u0418\u0306 \u0419",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea"
    " \U0001f44d\U0001f3fd \u2764\ufe0f 1\ufe0f\u20e3",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "\u200b\u200c\u200d\u2060\ufeff", "\u202eabc\u202c",
    "a\u00a0b\u3000c\u0085d\u2028e\u2003f\u1680g\u180eh\u001ci\u001fj", "\x00\x01\x7f\x80\x9f",
    "\ufffd\uffff\U0010ffff", "a" * 300, "!" * 300, "ab1" * 150, "\u0301" * 50,
    "a" + "\u0316\u0301" * 40, "\u1100" * 20 + "\u1161" * 20,
    "(masterpiece:1.2), [bad hands], {a|b}, <lora:x:0.8>, \\(escaped\\)",
    "https://example.org/?q=1&r=a%20b",
    "\U0001d400\U0001d7d8 \U00010400 \U00016ea0 \u1c89 \ua7cb", "\U00011935\U00011930 \U00011938",
]


def words_of(rng, count):
    stock = ("a photo of the quick brown fox jumping over lazy dogs, oil painting; 4k hdr — "
             "d'été naïve Ünïcödé 東京 река 🦊 don't 3.14 <|endoftext|> HELLO").split()
    return " ".join(rng.choice(stock) for _ in range(count))


def strings():
    """A few thousand strings, the same ones on every run."""
    rng = random.Random(20_240_229)
    result = list(WRITTEN)
    for start in range(0, 0x30000, 0x80):  # each block of the assigned planes
        block = [chr(c) for c in range(start, start + 0x80) if not 0xD800 <= c < 0xE000]
        if any(unicodedata.category(c) != "Cn" for c in block):
            result.append("".join(rng.choice(block) for _ in range(12)))
            result.append(" ".join(rng.choice(block) + rng.choice("aZ9'!") for _ in range(8)))
    result += [words_of(rng, 400) for _ in range(20)] + [words_of(rng, 12) for _ in range(200)]
    alphabet = ([chr(c) for c in range(0x20, 0x180)] + list(" \t\n\u00a0'<|>") * 8
                + [chr(c) for c in CODE_POINTS if unicodedata.combining(chr(c))]
                + [chr(rng.choice(CODE_POINTS)) for _ in range(500)] + list("sStTrReEvVmMlLdD'") * 6
                + [chr(c) for c in range(0x1100, 0x1200)] + ["<|endoftext|>"] * 10)
    result += ["".join(rng.choice(alphabet) for _ in range(rng.randint(1, 40)))
               for _ in range(1500)]
    marks = [chr(c) for c in CODE_POINTS
             if unicodedata.combining(chr(c)) or unicodedata.decomposition(chr(c))]
    result += ["".join(rng.choice(marks) for _ in range(rng.randint(2, 8))) for _ in range(1500)]
    return result


def ours(folder, texts, mode="tokenize"):
    lines = [json.dumps({"hex": (t if isinstance(t, bytes) else t.encode()).hex()}) for t in texts]
    done = subprocess.run([program("tokenizer_probe"), str(folder), mode], text=True,
                          input="\n".join(lines) + "\n", capture_output=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def theirs(folder, texts):
    return CLIPTokenizer.from_pretrained(folder)(texts, add_special_tokens=False).input_ids


def assert_equal(folder, texts):
    pairs = zip(texts, ours(folder, texts), theirs(folder, texts), strict=True)
    wrong = [(text, a, b) for text, a, b in pairs if a != b]
    assert not wrong, f"{len(wrong)} of {len(texts)} differ, first: {wrong[0]!r}"


@pytest.fixture(scope="module", params=["emoji-sd", "clip"])
def folder(request):
    return EMOJI_SD if request.param == "emoji-sd" else clip_vocabulary()


def test_strings(folder):
    texts = strings()
    assert len(texts) >= 2000
    assert_equal(folder, texts)


def test_every_code_point():
    """Twice between letters, so that its class, lower case and normal form all show in the ids."""
    groups = [PROBED[i:i + 256] for i in range(0, len(PROBED), 256)]
    assert_equal(EMOJI_SD, [" ".join(f"a{chr(c) * 2}b" for c in group) for group in groups])


def test_every_code_point_among_marks():
    """Canonical ordering: between the marks of the highest and the lowest class."""
    groups = [PROBED[i:i + 256] for i in range(0, len(PROBED), 256)]
    assert_equal(EMOJI_SD, [" ".join(f"a\u0345{chr(c)}\u0334" for c in group) for group in groups])


def test_cut_and_padded(folder):
    texts = strings()[:400]
    reference = CLIPTokenizer.from_pretrained(folder)(
        texts, padding="max_length", max_length=77, truncation=True).input_ids
    assert ours(folder, texts, "encode") == reference


def test_bytes_that_are_no_utf8(folder):
    rng = random.Random(5)
    samples = [bytes(rng.choice([0x41, 0x20, 0x80, 0xBF, 0xC1, 0xC3, 0xE0, 0xA0, 0xED, 0xF0, 0x90,
                                 0xF4, 0xF5, 0xFF]) for _ in range(rng.randint(1, 12)))
               for _ in range(500)]
    assert ours(folder, samples) == theirs(folder, [s.decode("utf-8", "replace") for s in samples])


SPECIAL = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
           "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}


def as_object(content, **flags):
    return {"content": content, "lstrip": False, "normalized": True, "rstrip": False,
            "single_word": False} | flags


FOLDERS = {  # name: files beside vocab.json and merges.txt
    "bare": {},
    "config alone": {"tokenizer_config.json": SPECIAL | {"model_max_length": 77}},
    "sd 1.5": {  # normalized special tokens, as published in 2022
        "special_tokens_map.json": {
            "bos_token": as_object("<|startoftext|>"), "eos_token": as_object("<|endoftext|>"),
            "unk_token": as_object("<|endoftext|>"), "pad_token": "<|endoftext|>"},
        "tokenizer_config.json": {
            "model_max_length": 77, "do_lower_case": True, "add_prefix_space": False,
            "bos_token": as_object("<|startoftext|>", __type="AddedToken"),
            "eos_token": as_object("<|endoftext|>", __type="AddedToken"),
            "unk_token": as_object("<|endoftext|>", __type="AddedToken"),
            "pad_token": "<|endoftext|>"}},
    "sd 2": {  # pads with "!"
        "special_tokens_map.json": SPECIAL | {"pad_token": "!"},
        "tokenizer_config.json": SPECIAL | {"pad_token": "<|endoftext|>", "model_max_length": 77}},
    "added_tokens_decoder": {
        "special_tokens_map.json": SPECIAL | {"pad_token": "!"},
        "tokenizer_config.json": SPECIAL | {"added_tokens_decoder": {
            "1246": as_object("<|startoftext|>", normalized=False, special=True),
            "1247": as_object("<|endoftext|>", special=True),
            "1248": as_object("<Sks>", special=False),
            "1249": as_object("fox ", normalized=False, lstrip=True, rstrip=True)}}},
    "added_tokens.json": {
        "special_tokens_map.json": SPECIAL | {"additional_special_tokens": ["<one>", "<two>"]},
        "tokenizer_config.json": {},
        "added_tokens.json": {"<Cat-Toy>": 1248, "<one>": 1249}},
    "do_lower_case false": {
        "tokenizer_config.json": SPECIAL | {"do_lower_case": False, "model_max_length": 16}},
}

TRICKY = [
    "a <|ENDOFTEXT|> b", "<|endoftext|>!", "hello! world!!", " <Sks> <sks> a<SKS>b", "a fox  b",
    "a  fox ", "<one><two> <ONE>", "<cat-toy> <Cat-Toy>x", "cat", "<|startoftext|> A",
]


@pytest.mark.parametrize("name", FOLDERS)
def test_generations_of_folders(name, tmp_path):
    for file in ("vocab.json", "merges.txt"):
        shutil.copy(EMOJI_SD / file, tmp_path)
    for file, content in FOLDERS[name].items():
        (tmp_path / file).write_text(json.dumps(content))
    assert_equal(tmp_path, TRICKY + WRITTEN)
    reference = CLIPTokenizer.from_pretrained(tmp_path)
    length = min(reference.model_max_length, 77)  # absent: 1e30 there, 77 here
    assert ours(tmp_path, TRICKY, "encode") == reference(
        TRICKY, padding="max_length", max_length=length, truncation=True).input_ids


@pytest.mark.parametrize("name", FOLDERS)
def test_tokenizer_json(name, tmp_path):
    for file in ("vocab.json", "merges.txt"):
        shutil.copy(EMOJI_SD / file, tmp_path)
    for file, content in FOLDERS[name].items():
        (tmp_path / file).write_text(json.dumps(content))
    saved = tmp_path / "saved"
    CLIPTokenizer.from_pretrained(tmp_path).save_pretrained(saved)
    assert (saved / "tokenizer.json").exists() and not (saved / "vocab.json").exists()
    assert_equal(saved, TRICKY + WRITTEN)

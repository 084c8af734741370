"""Weighted and long prompts: ours against live compel 2.5.1 and A1111's published rules."""
import concurrent.futures
import functools
import itertools
import json
import multiprocessing
import os
import random

import pytest
import torch
from compel import Compel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from engine_client import run_engine
from probes import ROOT
from summary import record
from tiny_models import EMOJI_SD

WRITTEN = [
    "", " ", "a fox", "a fox+", "a fox++ runs", "a fox--", "a fox - runs", "a fox + runs",
    "well-known fox", "v1.5 style", "3.5 apples", "(cat)-0.5", "(cat)+", "(cat)--", "(cat)1.3",
    "(cat) 1.3", "(cat)1.", "(cat).5", "((cat)1.2 dog)1.5", "(cat (dog+ (fox)-)0.5)1.1 bird",
    "(a:1.2)", "(cat:1.3) dog", "[cat] dog", "cat.attend(1.4)", "(a cat).attend( ++ )",
    "\"a cat\".attend(0.3)", "\"a cat\"++ dog", "\"a (cat)1.2 dog\"- x", "\"unclosed cat",
    "(unclosed cat", "unclosed) cat", "\\(cat\\)", "(a \\(b\\))1.2", "\\\"cat\\\" dog", "a\\+b",
    "a,b,c", "a,,b", "a, b+, c", "(a, b)1.2, c", "(a. b.)0.7", "fox=1", "(fox=1)1.2", "a--b",
    "🦊+ blue", "(🦊 café)1.2", "a_fox+ x", "1+ 2-", "(1)2", "(-5)1.1", "fox+. dog",
    "(\"a\", \"b\").blend(1, 1)", "(\"a fox\", \"b\").blend(0.7, 0.3)",
    "(\"a\", \"b\", \"c\").blend()", "(\"a+\", \"b (c)0.5\").blend(1, -0.5)",
    "(\"a\", \"b\").blend(1, 1, no_normalize)", "(fox, dog).blend(1, 2)",
    "(\"a=b\", \"c\").blend(1, 1)", "(\"a\", \"b\").and()", "(\"a\", \"b+\").and(1, 0.5)",
    "(\"a\", \"b\", \"c\").and(1, 1, 2)", "(\"a\", \"b\").add()", "(\"a\" \"b\").blend(1 1)",
    "(\"a\", \"b\").blend (1, 1)", "fox withLora(fur, 0.5)", "withLora(fur) fox+",
    "useLora(fur,1) (\"a\", \"b\").blend(1, 1)", "(fox)0", "(fox)0.0 dog", "(fox)2 (dog)0.1",
    "(red fox)0.5 (blue dog)0.5", "a BREAK b", "((((((fox))))))1.1", "()", "(), fox", "\"\" fox",
    "a fox. " * 40, "a fox, " * 40, "fox " * 100, "x" * 400, "(a red fox)0.4 " + "a dog. " * 40,
    "(" + "a dog " * 60 + ")1.3 fox", "(" + "a dog " * 90 + ")0.6 fox",
    "(\"" + "a fox " * 60 + "\", \"dog\").blend(1, 1)",
]
WORDS = ["fox", "cat", "a", "red", "blue sky", "well-known", "1.5", "🦊", "café,", "dog.", "x"]


def generated(count):
    """Prompts of the grammar's parts, nested and strung together at random."""
    draw = random.Random(7)

    def piece(depth):
        kind = draw.randrange(9 if depth < 2 else 4)  # compel's time doubles with depth
        if kind < 4:
            return draw.choice(WORDS)
        inner = " ".join(piece(depth + 1) for _ in range(draw.randint(1, 3)))
        weight = draw.choice(["+", "--", "1.3", "0.6", "0.25", "1.05", ""])
        if kind < 7:
            return f"({inner}){weight}"
        if kind == 7:
            return f"{draw.choice(['fox', 'cat'])}{draw.choice(['+', '-', '++', '.attend(0.7)'])}"
        return "\"" + inner.replace("\"", "") + "\"" + weight

    def flat():
        return draw.choice([" ", ", "]).join(piece(0) for _ in range(draw.randint(1, 12)))

    def prompt():
        kind = draw.randrange(8)
        if kind > 1:
            return flat()
        targets = [flat().replace("\"", "") for _ in range(draw.randint(1, 3))]
        weights = ", ".join(str(draw.randint(1, 9) / 4) for _ in targets)
        return ("(" + ", ".join(f"\"{target}\"" for target in targets) + ")"
                + [".blend", ".and"][kind] + f"({weights})")

    return [prompt() for _ in range(count)]


PROMPTS = WRITTEN + generated(260)


@functools.cache
def parsed():
    """What compel reads in each prompt: nearly all of its time, so once, by every core."""
    with concurrent.futures.ProcessPoolExecutor(
            os.cpu_count(), mp_context=multiprocessing.get_context("fork")) as pool:
        return dict(zip(PROMPTS, pool.map(Compel.parse_prompt_string, PROMPTS, chunksize=4)))


@pytest.fixture(scope="module", params=["emoji-sd", "random"])
def text_model(request, tmp_path_factory):
    tokenizer = CLIPTokenizer.from_pretrained(EMOJI_SD / "tokenizer")
    if request.param == "emoji-sd":
        encoder = CLIPTextModel.from_pretrained(EMOJI_SD / "text_encoder", dtype=torch.float32)
        return EMOJI_SD, tokenizer, encoder.eval()
    folder = tmp_path_factory.mktemp("prompts") / "model"
    folder.mkdir()
    for part in EMOJI_SD.iterdir():
        if part.name != "text_encoder":
            (folder / part.name).symlink_to(part)
    config = CLIPTextConfig.from_pretrained(EMOJI_SD / "text_encoder")
    torch.manual_seed(3)
    encoder = CLIPTextModel(config).eval()
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.add_(torch.randn_like(weight) * 0.05)
    encoder.save_pretrained(folder / "text_encoder")
    return folder, tokenizer, encoder


def encode(folder, prompts, **options):
    return encode_each(folder, [{"prompt": prompt} | options for prompt in prompts])


def encode_each(folder, requests):
    """States, or the message where there are none."""
    reply = run_engine(folder, [{"op": "text", "out": str(i)} | request
                                for i, request in enumerate(requests)])
    return [reply.operation(i).get("error") or reply.tensors[str(i)] for i in range(len(requests))]


def relative_error(ours, theirs):
    assert ours.shape == theirs.shape
    return float((ours - theirs).norm() / theirs.norm())


@torch.no_grad()
def test_compel(text_model):
    folder, tokenizer, encoder = text_model
    compel = Compel(tokenizer, encoder, truncate_long_prompts=False)
    compel.parse_prompt_string = parsed().get
    assert len(PROMPTS) >= 300
    wrong = []
    for prompt, ours in zip(PROMPTS, encode(folder, PROMPTS)):
        try:
            theirs = compel(prompt)
        except IndexError:
            assert prompt == "()", prompt  # an empty prompt here, see docs/compatibility.md
            continue
        if isinstance(ours, str) or ours.shape != theirs.shape:
            wrong.append((prompt, theirs.shape, ours if isinstance(ours, str) else ours.shape))
            continue
        error = relative_error(ours, theirs)
        record("prompts", "compel", error, unit="prompts")
        if error > 1e-5:
            wrong.append((prompt, error))
    assert not wrong


# What AUTOMATIC1111's own functions make of each prompt; where from: its "source".
A1111 = json.loads((ROOT / "tests/parity/a1111_prompts.json").read_text())["prompts"]


def a1111_windows(tokenizer, stretches, sizes):
    """The tokens of each window and their weights."""
    pairs = [(token, weight) for text, weight in stretches if (text, weight) != ("BREAK", -1)
             for token in tokenizer(text, verbose=False).input_ids[1:-1]]
    ends = list(itertools.accumulate(sizes))
    assert ends[-1] == len(pairs)
    return [pairs[end - size:end] for end, size in zip(ends, sizes)]


@torch.no_grad()
def test_a1111(text_model):
    folder, tokenizer, encoder = text_model
    prompts = [prompt for prompt, _, _ in A1111]
    assert len(prompts) >= 150
    wrong = []
    for (prompt, stretches, sizes), ours in zip(
            A1111, encode(folder, prompts, prompt_syntax="a1111"), strict=True):
        states, condition = [], 1.0
        for window in a1111_windows(tokenizer, stretches, sizes):
            padding = 76 - len(window)
            ids = ([tokenizer.bos_token_id] + [token for token, _ in window]
                   + [tokenizer.eos_token_id] + [tokenizer.pad_token_id] * (padding - 1))
            weights = torch.tensor([1.0] + [weight for _, weight in window] + [1.0] * padding)
            z = encoder(torch.tensor([ids])).last_hidden_state
            weighted = z * weights[None, :, None]
            # In double: the means are small differences of large numbers.
            before, after = z.double().mean(), weighted.double().mean()
            states.append(weighted * (before / after))
            condition = max(condition, z.abs().mean() / before.abs(),
                            weighted.abs().mean() / after.abs())
        states = torch.cat(states, 1)
        if isinstance(ours, str) or ours.shape != states.shape:
            wrong.append((prompt, states.shape, ours if isinstance(ours, str) else ours.shape))
            continue
        error = relative_error(ours, states)
        record("prompts", "a1111", error, unit="prompts")
        # The means carry the rounding of the states, larger by as much as they are smaller.
        if error > 1e-5 + 1e-7 * condition:
            wrong.append((prompt, error, float(condition)))
    assert not wrong


def test_plain_has_no_weights(text_model):
    folder = text_model[0]
    plain, words, compel = encode_each(folder, [
        {"prompt": "a fox++", "prompt_syntax": "plain"},
        {"prompt": "a fox + +", "prompt_syntax": "plain"}, {"prompt": "a fox++"}])
    assert plain.shape == words.shape and not torch.equal(plain, compel)


def test_guidance_pads_the_shorter_prompt(text_model):
    folder = text_model[0]
    empty, *pairs = encode_each(folder, [{"prompt": ""}, *(
        {"prompt": "fox", "negative_prompt": "a fox. " * 40, "guided": True,
         "prompt_syntax": syntax} for syntax in ["compel", "a1111", "plain"])])
    for both in pairs:
        assert both.shape[0] == 2 and both.shape[1] == 154
        assert torch.equal(both[1, 77:], empty[0])


@pytest.mark.parametrize("syntax, prompt", [
    ("compel", "(blurry)1.4 bad--"), ("a1111", "(blurry:1.4) [bad]"), ("plain", "blurry")])
def test_negative_prompts_are_weighted_as_prompts_are(text_model, syntax, prompt):
    folder = text_model[0]
    both, alone, plain = encode_each(folder, [
        {"prompt": "a fox", "negative_prompt": prompt, "guided": True, "prompt_syntax": syntax},
        {"prompt": prompt, "prompt_syntax": syntax},
        {"prompt": prompt, "prompt_syntax": "plain"}])
    assert torch.equal(both[0], alone[0])
    assert torch.equal(alone, plain) == (syntax == "plain")


def test_a_prompt_that_cannot_be_read_says_where(text_model):
    folder = text_model[0]
    words = {"a cat.swap(dog)": "swap", "(\"a\", \"b\").blend(1)": "2 prompts",
             "(" * 100 + "a" + ")" * 100: "64 deep", "(a)99999": "1000"}
    *errors, negative = encode_each(folder, [*({"prompt": prompt} for prompt in words), {
        "prompt": "a", "negative_prompt": "cat.swap(dog)", "guided": True}])
    for error, word in zip(errors, words.values(), strict=True):
        assert isinstance(error, str) and word in error
    assert negative.startswith("negative_prompt")

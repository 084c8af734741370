"""Weighted and long prompts: ours against live compel 2.5.1 and A1111's published rules."""
import concurrent.futures
import functools
import multiprocessing
import os
import random

import pytest
import torch
from compel import Compel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from engine_client import run_engine
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
    worst, wrong = 0.0, []
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
        worst = max(worst, error)
        if error > 1e-5:
            wrong.append((prompt, error))
    print(f"{len(PROMPTS)} prompts, worst relative error {worst:.1e}")
    assert not wrong


# Prompt, and its stretches as (text, weight) by the rules of A1111's wiki.
A1111 = {
    "a fox": [[("a fox", 1)]],
    "a (fox) runs": [[("a ", 1), ("fox", 1.1), (" runs", 1)]],
    "a ((fox)) [cat]": [[("a ", 1), ("fox", 1.21), (" ", 1), ("cat", 1 / 1.1)]],
    "(a (fox:1.5):0.8) x": [[("a ", 0.8), ("fox", 1.2), (" x", 1)]],
    "red \\(fox\\) <lora:fur:0.5>": [[("red (fox) ", 1)]],
    "a (fox:1.3) BREAK [dog]": [[("a ", 1), ("fox", 1.3)], [("dog", 1 / 1.1)]],
    "(fox:-0.5) dog": [[("fox", -0.5), (" dog", 1)]],
    "fox " * 70 + ", (dog:1.4) " + "cat " * 20: [
        [("fox " * 70 + ", ", 1), ("dog", 1.4), (" " + "cat " * 20, 1)]],
    "fox, " + "dog " * 100: [[("fox, " + "dog " * 100, 1)]],
}


def a1111_chunks(tokenizer, stretches):
    """75 tokens a chunk; what runs over goes back to a comma at most 20 tokens ago."""
    comma = tokenizer(",").input_ids[1]
    chunks = []
    for stretch in stretches:
        tokens = [(token, weight) for text, weight in stretch
                  for token in tokenizer(text).input_ids[1:-1]]
        while len(tokens) > 75:
            end = 75
            if tokens[75][0] != comma:
                commas = [i for i in range(75) if tokens[i][0] == comma]
                if commas and 75 - (commas[-1] + 1) <= 20:
                    end = commas[-1] + 1
            chunks.append(tokens[:end])
            tokens = tokens[end:]
        chunks.append(tokens)
    return chunks


@torch.no_grad()
def test_a1111(text_model):
    folder, tokenizer, encoder = text_model
    for (prompt, stretches), ours in zip(A1111.items(),
                                         encode(folder, A1111, prompt_syntax="a1111")):
        states = []
        for chunk in a1111_chunks(tokenizer, stretches):
            padding = 76 - len(chunk)
            ids = ([tokenizer.bos_token_id] + [token for token, _ in chunk]
                   + [tokenizer.eos_token_id] + [tokenizer.pad_token_id] * (padding - 1))
            weights = torch.tensor([1.0] + [weight for _, weight in chunk] + [1.0] * padding)
            z = encoder(torch.tensor([ids])).last_hidden_state
            weighted = z * weights[None, :, None]
            states.append(weighted * (z.mean() / weighted.mean()))
        # The mean is a small difference of large numbers: rounding shows more than elsewhere.
        assert relative_error(ours, torch.cat(states, 1)) <= 1e-4, prompt


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


def test_a_prompt_that_cannot_be_read_says_where(text_model):
    folder = text_model[0]
    words = {"a cat.swap(dog)": "swap", "(\"a\", \"b\").blend(1)": "2 prompts",
             "(" * 100 + "a" + ")" * 100: "64 deep", "(a)99999": "1000"}
    *errors, negative = encode_each(folder, [*({"prompt": prompt} for prompt in words), {
        "prompt": "a", "negative_prompt": "cat.swap(dog)", "guided": True}])
    for error, word in zip(errors, words.values(), strict=True):
        assert isinstance(error, str) and word in error
    assert negative.startswith("negative_prompt")

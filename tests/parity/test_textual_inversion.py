"""Textual inversions against diffusers' load_textual_inversion: every layout, syntax and length."""
import copy

import pytest
import torch
from compel import Compel, DiffusersTextualInversionManager
from safetensors.torch import save_file
from transformers import CLIPTokenizer

import tiny_models
from engine_client import run_engine
from probes import relative_error
from test_engine_load import assert_names

WIDTH = 32
PROMPTS = ["a <toy> on a table", "<toy>", "a cat", "<toy> and <toy>, red", "A <TOY>, blue",
           "x<toy>y", "style of <toy>-ish fox", "the <toy>_1 alone"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    pipeline = tiny_models.build("matrix-4")
    return pipeline, tiny_models.save(pipeline, tmp_path_factory.mktemp("ti") / "sd")


def vectors(count, seed=0):
    torch.manual_seed(seed)
    return torch.randn(count, WIDTH) * 0.5


def write(folder, layout, tensor, token="<toy>", name="toy-file"):
    file = folder / f"{name}.{'safetensors' if 'safe' in layout else 'pt'}"
    if layout == "diffusers-safe":
        save_file({token: tensor}, file)
    elif layout == "diffusers":
        torch.save({token: tensor}, file)
    elif layout == "diffusers-legacy":
        torch.save({token: tensor}, file, _use_new_zipfile_serialization=False)
    elif layout == "web-ui":
        torch.save({"string_to_token": {"*": 265}, "string_to_param": {"*": tensor},
                    "name": token, "step": 500, "sd_checkpoint": None,
                    "sd_checkpoint_name": "sd"}, file)
    elif layout == "emb-params-safe":
        save_file({"emb_params": tensor}, file)
    elif layout == "bare":
        torch.save(tensor, file)
    return str(file)


def text(prompt, *files, **options):
    return {"op": "text", "prompt": prompt, "embeddings": list(files)} | options


@torch.no_grad()
def reference(pipeline, files, prompts, **options):
    """States of diffusers' own pipeline with these files loaded into a copy of its parts."""
    taught = copy.copy(pipeline)
    taught.text_encoder = copy.deepcopy(pipeline.text_encoder)
    taught.tokenizer = CLIPTokenizer.from_pretrained(tiny_models.EMOJI_SD / "tokenizer")
    for file in files:
        taught.load_textual_inversion(file, **options)
    return [taught.encode_prompt(prompt, "cpu", 1, False)[0] for prompt in prompts], taught


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("layout", ["diffusers", "diffusers-safe", "diffusers-legacy", "web-ui"])
def test_layouts(model, tmp_path, layout, count):
    pipeline, folder = model
    file = write(tmp_path, layout, vectors(count))
    # diffusers names further vectors by the case it finds in the prompt; ours are the same in all.
    prompts = [p for p in PROMPTS if count == 1 or "TOY" not in p]
    if count == 1:
        prompts.remove("the <toy>_1 alone")
    wanted, _ = reference(pipeline, [file], prompts)
    operations = [text(p, file, prompt_syntax="plain", out=str(i)) for i, p in enumerate(prompts)]
    reply = run_engine(folder, operations)
    for i, states in enumerate(wanted):
        assert relative_error(reply[str(i)], states) < 2e-6, prompts[i]


@pytest.mark.parametrize("layout", ["emb-params-safe", "bare"])
def test_files_without_a_name_are_called_by_their_own(model, tmp_path, layout):
    pipeline, folder = model
    file = write(tmp_path, layout, vectors(2))
    [wanted], _ = reference(pipeline, [write(tmp_path, "diffusers", vectors(2), "toy-file", "x")],
                            ["a toy-file here"])
    ours = run_engine(folder, [text("a toy-file here", file, prompt_syntax="plain")])["text"]
    assert relative_error(ours, wanted) < 2e-6


def test_a_single_vector_without_a_list(model, tmp_path):
    pipeline, folder = model
    file = write(tmp_path, "diffusers", vectors(1)[0])
    [wanted], _ = reference(pipeline, [file], [PROMPTS[0]])
    assert relative_error(run_engine(folder, [text(PROMPTS[0], file)])["text"], wanted) < 2e-6


def test_several_files(model, tmp_path):
    pipeline, folder = model
    files = [write(tmp_path, "diffusers", vectors(3), "<toy>", "a"),
             write(tmp_path, "web-ui", vectors(2, 1), "ink-style", "b")]
    prompt = "a <toy> in ink-style, two <toy>s"
    [wanted], _ = reference(pipeline, files, [prompt])
    assert relative_error(run_engine(folder, [text(prompt, *files)])["text"], wanted) < 2e-6


@torch.no_grad()
@pytest.mark.parametrize("prompt", [
    "a (<toy>)1.4 fox", "<toy>++ and (a red <toy>)0.6", "(\"a <toy>\", \"a dog\").blend(1, 2)",
    "a <toy>, " * 25, "a dog " * 36 + "<toy> " * 6 + "cat"])
def test_compel(model, tmp_path, prompt):
    pipeline, folder = model
    file = write(tmp_path, "diffusers", vectors(4))
    _, taught = reference(pipeline, [file], [])
    compel = Compel(taught.tokenizer, taught.text_encoder, truncate_long_prompts=False,
                    textual_inversion_manager=DiffusersTextualInversionManager(taught))
    ours = run_engine(folder, [text(prompt, file)])["text"]
    assert relative_error(ours, compel(prompt)) < 2e-6


@torch.no_grad()
def test_a1111_keeps_the_vectors_in_one_block(model, tmp_path):
    pipeline, folder = model
    file = write(tmp_path, "diffusers", vectors(4))
    _, taught = reference(pipeline, [file], [])
    table = taught.text_encoder.get_input_embeddings().weight.shape[0]
    first = taught.tokenizer.convert_tokens_to_ids("<toy>")
    plain = pipeline.tokenizer("dog", add_special_tokens=False).input_ids
    assert len(plain) == 1 and table > first + 3
    toy = list(range(first, first + 4))
    begin, end = pipeline.tokenizer.bos_token_id, pipeline.tokenizer.eos_token_id

    def block(ids):
        ids = [begin, *ids, end] + [end] * (75 - len(ids))
        return taught.text_encoder(torch.tensor([ids])).last_hidden_state
    wanted = torch.cat([block(plain * 73), block(toy + plain)], 1)
    ours = run_engine(folder, [text("dog " * 73 + "<toy> dog", file, prompt_syntax="a1111"),
                               text("(<toy>:1.3) dog", file, prompt_syntax="a1111", out="b")])
    assert relative_error(ours["text"], wanted) < 2e-6
    states = block(toy + plain)
    weights = torch.ones(1, 77, 1)
    weights[:, 1:5] = 1.3
    scaled = states * weights
    assert relative_error(ours["b"], scaled * (states.mean() / scaled.mean())) < 2e-6


def test_no_trace_is_left(model, tmp_path):
    _, folder = model
    file = write(tmp_path, "diffusers", vectors(4))
    draw = {"op": "generate", "prompt": "a <toy>", "num_inference_steps": 2, "seed": 3,
            "width": 32, "height": 32}
    reply = run_engine(folder, [draw | {"out": "before"}, draw | {"out": "after"},
                                draw | {"out": "with", "embeddings": [file]},
                                draw | {"out": "after"}])
    assert torch.equal(reply["before.0"], reply["after.0"])
    assert not torch.equal(reply["before.0"], reply["with.0"])


def test_an_embedding_that_no_prompt_calls_is_told(model, tmp_path):
    _, folder = model
    file = write(tmp_path, "diffusers", vectors(2))
    draw = {"op": "generate", "num_inference_steps": 1, "width": 32, "height": 32,
            "embeddings": [file]}
    reply = run_engine(folder, [draw | {"prompt": "a fox"}, draw | {"prompt": "a <toy>"},
                                draw | {"prompt": "a fox", "negative_prompt": "<TOY>"}])
    [line] = reply.operation(0)["log"]
    assert_names(line, "toy-file", "<toy>")
    assert reply.operation(1)["log"] == reply.operation(2)["log"] == []


def test_what_cannot_be_used_is_refused_by_name(model, tmp_path):
    _, folder = model
    unet = str(next((folder / "unet").glob("*.safetensors")))
    save_file({"clip_l": vectors(1), "clip_g": torch.zeros(1, 40)}, tmp_path / "xl.safetensors")
    (tmp_path / "text.pt").write_text("hello")
    nan = vectors(2)
    nan[1, 3] = float("nan")
    good = write(tmp_path, "diffusers", vectors(2), name="good")
    cases = [
        ([write(tmp_path, "diffusers", torch.zeros(2, 40), name="wide")], ["wide", "40", "32"]),
        ([write(tmp_path, "diffusers", vectors(1), "a", "known")], ["known", '"a"', "already"]),
        ([write(tmp_path, "diffusers", nan, name="nan")], ["nan", "not finite"]),
        ([write(tmp_path, "diffusers", vectors(76), name="many")], ["many", "76", "75"]),
        ([write(tmp_path, "diffusers", torch.zeros(1, 1, WIDTH), name="deep")], ["deep", "3"]),
        ([good, good], ["good", "<toy>", "another"]),
        ([unet], ["no textual inversion", "UNet2DConditionModel"]),
        ([str(tmp_path / "xl.safetensors")], ["xl", "Stable Diffusion XL"]),
        ([str(tmp_path / "text.pt")], ["text", "cannot be read"]),
        ([str(tmp_path / "gone.pt")], ["gone", "cannot be read"]),
    ]
    reply = run_engine(folder, [text("a <toy>", *files) for files, _ in cases])
    for i, (_, words) in enumerate(cases):
        assert reply.operation(i)["kind"] == "InvalidInput", (words, reply.operation(i))
        assert_names(reply.operation(i)["error"], *words)

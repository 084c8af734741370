"""Every template that a picture leads, over HTTP, on random networks that fit emoji-sd."""
import base64
import io
import json
import os
import subprocess

import cv2
import numpy as np
import pytest
from PIL import Image

from control_store import (ADAPTERS, CONTROLNETS, EMOJI_SD, TEMPLATES, make_store, style_adapter,
                           vision_encoder)
from harness import BUILD, ROOT, Server, wait_until

SMALL = {"prompt": "a fox", "seed": 7, "num_inference_steps": 2, "width": 128, "height": 128}
LED = CONTROLNETS + ADAPTERS
# What the original templates take, in their order, with their defaults; None: no default.
ORIGINAL = {
    "control_image": None, "image": None, "mask": None, "prompt": "photo of cjw person",
    "negative_prompt": "", "width": None, "height": None, "num_outputs": 1,
    "num_inference_steps": 50, "guidance_scale": 7.5, "prompt_strength": 0.8,
    "scheduler": "DPMSolverMultistep", "disable_safety_check": False,
    "return_processed_control": False, "seed": None}


def photo(width=128, height=128):
    """Something with edges."""
    y, x = np.mgrid[0:height, 0:width]
    inside = (x - width * 0.4)**2 + (y - height * 0.5)**2 < (0.3 * min(width, height))**2
    return Image.fromarray(np.where(inside[..., None], [220, 120, 30], [20, 60, 160])
                           .astype(np.uint8))


def data_url(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def opened(url):
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def pixels(url):
    return np.asarray(opened(url)).astype(int)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = make_store(tmp_path_factory.mktemp("models"))
    photo().save(folder / "pictures/photo.png")
    return folder


@pytest.fixture(scope="module")
def server(store):
    started = Server("vanilla", args=("--models", str(store), "--all"), weights=EMOJI_SD, wait="",
                     env={"DREAM_TEMPLATE_PATH": ""})
    wait_until(started.listening, what="listening")
    started.wait_for("READY", limit_s=60)
    yield started
    started.kill()


def draw(server, template, **inputs):
    answer = server.predict(SMALL | inputs, template)
    assert answer.status == 200, answer.text
    assert answer.json["status"] == "succeeded", answer.json["error"]
    return answer.json["output"]


def failure(server, template, **inputs):
    answer = server.predict(SMALL | inputs, template)
    if answer.status == 422:
        [detail] = answer.json["detail"]
        return f"{detail['loc'][2]}: {detail['msg']}"
    assert answer.json["status"] == "failed", answer.json
    return answer.json["error"]


@pytest.fixture(scope="module")
def plain(server):
    """What vanilla draws."""
    return pixels(draw(server, "vanilla")[0])


def test_all_are_listed_with_their_schemas(server):
    listed = {entry["name"]: entry for entry in server.get("/templates").json["templates"]}
    assert set(listed) == set(TEMPLATES) and LED
    for name in LED:
        document = server.get(f"/templates/{name}/openapi.json").json
        assert listed[name]["openapi"] == document
        inputs = document["components"]["schemas"]["Input"]["properties"]
        ordered = sorted(inputs, key=lambda each: inputs[each]["x-order"])
        assert [each for each in ordered if each in ORIGINAL] == list(ORIGINAL)
        own = ordered[:ordered.index("lora")]
        extra = [each for each in own if each not in ORIGINAL]
        after = own.index("prompt_strength") + 1
        assert extra == own[after:after + len(extra)], "an annotator's options stand together"
        for each, default in ORIGINAL.items():
            if each not in ("prompt",):
                assert inputs[each].get("default") == default, each
        kept = json.loads((ROOT / f"plugins/{name}/schema.json").read_text())
        kept = kept["components"]["schemas"]["Input"]["properties"]
        kept["prompt"]["default"] = inputs["prompt"]["default"]  # the weights carry their own
        assert inputs == kept


@pytest.mark.parametrize("name", LED)
def test_each_is_led_by_its_map_and_draws_as_vanilla_without(server, plain, name):
    assert (pixels(draw(server, name)[0]) == plain).all()
    inputs = {"control_image": data_url(photo()), "control_is_preprocessed": True}
    if name == "controlnet-inpaint":
        inputs |= {"mask": data_url(Image.new("L", (128, 128), 255)), "prompt_strength": 1}
    [led] = draw(server, name, **inputs)
    assert opened(led).size == (128, 128)
    assert (pixels(led) != plain).any()
    text = json.loads(opened(led).text["dream"])
    [control] = text["controls"]
    assert control["network"] == name and control["annotator"] is None
    assert f"Model: {name}" in opened(led).text["parameters"]


def test_the_processed_control_comes_first(server):
    picture = photo(200, 120)
    inputs = {"control_image": data_url(picture), "return_processed_control": True,
              "low_threshold": 50, "high_threshold": 90, "width": None, "height": None}
    answer = server.predict(SMALL | inputs, "controlnet-canny").json
    assert answer["status"] == "succeeded", answer
    edges, drawn = answer["output"]
    assert opened(drawn).size == opened(edges).size == (200, 120), "the control image decides"
    wanted = cv2.Canny(np.asarray(picture), 50, 90)
    assert wanted.any() and (pixels(edges) == wanted[..., None]).all()
    assert answer["metrics"]["control_count"] == 1
    text = json.loads(opened(drawn).text["dream"])
    assert text["controls"] == [{
        "network": "controlnet-canny", "annotator": "canny", "scale": 1.0, "guidance_start": 0.0,
        "guidance_end": 1.0, "settings": {"low_threshold": 50, "high_threshold": 90}}]
    # The map can be handed in again.
    inputs |= {"control_image": edges, "control_is_preprocessed": True}
    again = draw(server, "controlnet-canny", **inputs)
    assert (pixels(again[0]) == pixels(edges)).all() and (pixels(again[1]) == pixels(drawn)).all()


def test_scale_range_and_guess_mode(server, plain):
    lead = {"control_image": data_url(photo())}
    full = pixels(draw(server, "controlnet-canny", **lead)[0])
    assert (pixels(draw(server, "controlnet-canny", conditioning_scale=0, **lead)[0])
            == plain).all()
    for changed in ({"conditioning_scale": 0.5}, {"control_guidance_end": 0.5},
                    {"control_guidance_start": 0.5}, {"guess_mode": True}):
        drawn = pixels(draw(server, "controlnet-canny", **lead, **changed)[0])
        assert (drawn != full).any() and (drawn != plain).any(), changed


def test_extra_controls_by_every_reference_add_up(server, plain, store):
    lead = data_url(photo())
    by_input = pixels(draw(server, "controlnet-canny", control_image=lead)[0])
    for extra in (f"canny={lead}", "canny=photo", "controlnet-canny=photo.png@1",
                  f"canny={store}/pictures/photo.png@1[0,1]", "canny=pictures/photo.png"):
        drawn = pixels(draw(server, "vanilla", extra_controls=[extra])[0])
        assert (drawn == by_input).all(), extra[:60]
    assert (pixels(draw(server, "vanilla", extra_controls=["canny=photo@0"])[0]) == plain).all()
    halves = pixels(draw(server, "controlnet-canny", control_image=lead, conditioning_scale=0.5,
                         extra_controls=["canny=photo@0.5"])[0])
    assert np.abs(halves - by_input).max() <= 1
    mixed = draw(server, "controlnet-canny", control_image=lead, return_processed_control=True,
                 extra_controls=["keypose=photo@0.8[0,0.5]", "style=photo"])
    assert len(mixed) == 4 and (pixels(mixed[3]) != by_input).any()
    names = [each["network"] for each in json.loads(opened(mixed[3]).text["dream"])["controls"]]
    assert names == ["controlnet-canny", "t2i-adapter-keypose", "t2i-adapter-style"]


def test_pictures_of_any_size_are_fitted(server):
    upright = photo(90, 60)
    stored = upright.transpose(Image.Transpose.ROTATE_90)
    turned = Image.Exif()
    turned[0x0112] = 6  # turn it back
    file = io.BytesIO()
    stored.convert("RGBA").save(file, "PNG", exif=turned)
    lead = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    for mode in ("fit", "fill", "stretch"):
        edges, drawn = draw(server, "controlnet-canny", control_image=lead, resize_mode=mode,
                            return_processed_control=True)
        assert opened(edges).size == opened(drawn).size == (128, 128)
        wanted = Image.fromarray(cv2.Canny(np.asarray(upright), 100, 200)).convert("RGB")
        if mode == "stretch":
            wanted = np.asarray(wanted.resize((128, 128), Image.Resampling.LANCZOS))
            assert (pixels(edges) == wanted).all()


def test_img2img_and_inpainting_are_led_too(server):
    lead, mask = data_url(photo()), Image.new("L", (128, 128))
    mask.paste(255, (0, 0, 64, 128))
    base = {"image": data_url(photo().rotate(90)), "prompt_strength": 0.9}
    for task in (base, base | {"mask": data_url(mask)}):
        free = pixels(draw(server, "controlnet-canny", **task)[0])
        led = pixels(draw(server, "controlnet-canny", control_image=lead, **task)[0])
        assert (led != free).any()
    [kept] = draw(server, "controlnet-inpaint", control_image=lead, mask=data_url(mask))
    assert (pixels(kept)[:, 72:] == np.asarray(photo())[:, 72:]).all(), "the control image is kept"
    shown, _ = draw(server, "controlnet-inpaint", image=lead, mask=data_url(mask),
                    return_processed_control=True)
    assert not pixels(shown)[:, :64].any() and pixels(shown)[:, 64:].any()


@pytest.mark.parametrize("template, inputs, words", [
    ("controlnet-canny", {"control_guidance_start": 0.8, "control_guidance_end": 0.2},
     ["control_guidance_start is 0.8", "control_guidance_end 0.2"]),
    ("controlnet-canny", {"conditioning_scale": 3}, ["conditioning_scale", "3", "maximum of 2"]),
    ("controlnet-canny", {"low_threshold": 2000}, ["low_threshold", "2000", "1020"]),
    ("controlnet-canny", {"control_image": "data:text/plain,hello"}, ["control_image"]),
    ("controlnet-inpaint", {}, ["mask is missing", "controlnet-inpaint"]),
    ("vanilla", {"extra_controls": ["photo"]}, ["extra_controls/0", "'photo'", "name=picture"]),
    ("vanilla", {"extra_controls": ["canny=photo", "canny=photo@5"]},
     ["extra_controls/1", "scale 5", "0 to 2"]),
    ("vanilla", {"extra_controls": ["canny=photo@1[0.5,0.2]"]}, ["extra_controls/0", "[0.5,0.2]"]),
    ("vanilla", {"extra_controls": ["canny=nothing"]},
     ["extra_controls/0", "the model store has no 'nothing'", "photo"]),
    ("vanilla", {"extra_controls": ["canny=/etc/passwd"]}, ["extra_controls/0", "has no"]),
    ("vanilla", {"extra_controls": ["crayon=photo"]},
     ["extra_controls/0", "crayon", "Known controls are canny, depth"]),
    ("vanilla", {"extra_controls": ["canny=data:text/plain,x"]}, ["extra_controls/0"]),
])
def test_wrong_values_are_refused_by_name(server, template, inputs, words):
    error = failure(server, template, **{"control_image": data_url(photo())} | inputs)
    for word in words:
        assert word in error, error


def test_missing_weights_are_told_with_the_way_to_get_them(tmp_path):
    def missing(file, searched=""):
        return (f"the weights {file} are missing: they are not in {searched}the model store "
                f"{tmp_path}; get them with: dream weights pull {file.partition('/')[0]}")

    server = Server("controlnet-seg", args=("--models", str(tmp_path), "--all"), weights=EMOJI_SD,
                    wait="", env={"DREAM_TEMPLATE_PATH": ""})
    lead = {"control_image": data_url(photo())}
    try:
        wait_until(server.listening, what="listening")
        server.wait_for("READY", limit_s=60)
        assert failure(server, None, **lead) == missing(
            "controlnet-seg/diffusion_pytorch_model.safetensors",
            f"the model's folder {EMOJI_SD}, and not in ")
        # Networks that are there, by an annotator and an encoder that are not.
        subprocess.run([BUILD / "bin/dream", "weights", "init", "--arch", "t2i-adapter-emoji",
                        "--seed", "1", tmp_path / "t2i-adapter-depth"], check=True,
                       stdout=subprocess.DEVNULL)
        assert failure(server, "t2i-adapter-depth", **lead) == missing(
            "annotator-midas/dpt_hybrid-midas-501f0c75.pt")
        style_adapter(tmp_path / "t2i-adapter-style/t2iadapter_style_sd14v1.pth")
        assert failure(server, "t2i-adapter-style", **lead).endswith(missing(
            "clip-vit-large-patch14/model.safetensors"))
        vision_encoder(tmp_path / "clip-vit-large-patch14")
        assert draw(server, "t2i-adapter-style", **lead), "pulled while the server runs"
        assert server.health() == "READY"
        assert draw(server, None), "without a control image it draws"
    finally:
        server.kill()


def test_a_template_without_weights_says_so(tmp_path):
    server = Server("controlnet-canny", env={"DREAM_TEMPLATE_PATH": ""})
    try:
        error = failure(server, None, control_image=data_url(photo()))
        assert error == "This is a template, not a real model - add weights"
    finally:
        server.kill()


def test_the_models_own_network_leads_before_the_stores(server, store):
    """emoji-sd brings a trained controlnet-canny; the store's is random."""
    lead = data_url(photo())
    own = pixels(draw(server, "controlnet-canny", control_image=lead)[0])
    assert f'kind="controlnet",name="{EMOJI_SD}/controlnet-canny"' in server.get("/metrics").text
    edges = draw(server, "controlnet-canny", control_image=lead, return_processed_control=True)[0]
    opened(edges).save(store / "pictures/edges.png")
    others = pixels(draw(server, "vanilla", extra_controls=["controlnet-emoji=edges"])[0])
    assert (others != own).any(), "by another name the store's is to be had"


def test_the_command_line_writes_map_and_picture(store, tmp_path):
    photo().save(tmp_path / "photo.png")
    # The bundled model brings its own ControlNet: neither --weights nor --models is needed.
    done = subprocess.run(
        [BUILD / "bin/dream", "predict", "controlnet-canny", "-i", "control_image=@photo.png",
         "-i", "return_processed_control=true",
         "-i", "extra_controls=canny=@photo.png@0.5[0,0.5]", "-i", "seed=7",
         "-i", "num_inference_steps=2", "-o", "out"], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"DREAM_MODELS": str(tmp_path / "none")})
    assert done.returncode == 0, done.stderr
    names = ["control.png", "control-2.png", "seed-7.png"]
    assert [line.rsplit("/", 1)[-1] for line in done.stdout.split()] == names
    edges = cv2.Canny(np.asarray(photo()), 100, 200)
    assert (np.asarray(Image.open(tmp_path / "out/control.png")) == edges[..., None]).all()
    bad = subprocess.run(
        [BUILD / "bin/dream", "predict", "vanilla", "--models", store, "-i",
         "extra_controls=canny=@gone.png"], cwd=tmp_path, capture_output=True, text=True)
    assert bad.returncode == 2 and "extra_controls/0" in bad.stderr and "gone" in bad.stderr

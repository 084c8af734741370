"""Previews of a picture that is being drawn: they look like it, and change nothing about it."""

import base64
import io

import numpy as np
import pytest
from events import Stream
from harness import ROOT, Server
from PIL import Image

INPUT = {"prompt": "a fox on a blue background", "seed": 7, "num_inference_steps": 12}


@pytest.fixture(scope="module")
def vanilla():
    server = Server("vanilla", weights=ROOT / "weights" / "emoji-sd" / "model")
    yield server
    server.kill()


def picture(url):
    kind, encoded = url.split(",", 1)
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")


def test_previews_look_like_the_picture_and_leave_it_as_it_is(vanilla):
    with Stream(vanilla.port, "POST", "/predictions?events=preview,progress", {"input": INPUT},
                timeout=120) as stream:
        events = list(stream)
    previews = [event.data for event in events if event.name == "preview"]
    assert previews and set(previews[0]) == {"picture", "step", "steps", "image"}
    assert [one["step"] for one in previews] == sorted(one["step"] for one in previews)
    assert all(one["steps"] == 12 and one["picture"] == 0 for one in previews)
    assert events[-1].name == "completed" and events[-1].data["status"] == "succeeded"

    whole = picture(events[-1].data["output"][0])
    last = picture(previews[-1]["image"])
    assert last.width * 4 <= whole.width and last.width / last.height == whole.width / whole.height
    small = whole.resize(last.size, Image.Resampling.BOX)
    shown, drawn = (np.asarray(one, dtype=float).ravel() for one in (last, small))
    assert np.corrcoef(shown, drawn)[0, 1] > 0.8

    unwatched = vanilla.predict(INPUT).json
    assert unwatched["output"] == events[-1].data["output"]


def test_nobody_is_sent_previews_unasked(vanilla):
    body = {"input": {**INPUT, "num_inference_steps": 4}}
    with Stream(vanilla.port, "POST", "/predictions", body, timeout=120) as stream:
        names = {event.name for event in stream}
    assert names == {"start", "log", "metric", "output", "completed"}

"""OpenPose around its networks against controlnet-aux, on maps of people made for it.

Bodies are found and drawn as in 0.0.1, hands and faces as in 0.0.10.
"""
import cv2
import numpy as np
import pytest

from annotator_client import annotate, photo
from annotator_oracles import Answering, aux, original, with_colors

# A person in a frame of 1 x 1: the 18 parts as x, y.
PERSON = np.array([
    (.50, .12), (.50, .25), (.40, .26), (.33, .40), (.30, .54), (.60, .26), (.68, .39), (.72, .52),
    (.44, .52), (.42, .72), (.41, .90), (.57, .52), (.58, .71), (.60, .90), (.47, .10), (.53, .10),
    (.43, .12), (.57, .12)])
LIMBS = [(2, 3), (2, 6), (3, 4), (4, 5), (6, 7), (7, 8), (2, 9), (9, 10), (10, 11), (2, 12),
         (12, 13), (13, 14), (2, 1), (1, 15), (15, 17), (1, 16), (16, 18), (3, 17), (6, 18)]
FIELDS = [12, 20, 14, 16, 22, 24, 0, 2, 4, 6, 8, 10, 28, 30, 34, 32, 36, 18, 26]


def body_maps(people, height, width):
    """Fields and heatmaps [1, 38 | 19, height, width] of people given in pixels of these maps."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    fields, heatmaps = np.zeros((38, height, width)), np.zeros((19, height, width))
    for parts in people:
        for part, place in enumerate(parts):
            if place is not None:
                near = np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / 2)
                heatmaps[part] = np.maximum(heatmaps[part], near)
        for (a, b), field in zip(LIMBS, FIELDS):
            start, end = parts[a - 1], parts[b - 1]
            if start is None or end is None:
                continue
            way = np.subtract(end, start)
            length = np.hypot(*way) + 1e-9
            along = ((x - start[0]) * way[0] + (y - start[1]) * way[1]) / length
            across = np.abs((x - start[0]) * way[1] - (y - start[1]) * way[0]) / length
            on = (along > -1) & (along < length + 1) & (across < 1)
            fields[field][on], fields[field + 1][on] = way / length
    return fields[None].astype(np.float32), heatmaps[None].astype(np.float32)


def scene(width, height, resolution, seed, frames, missing=()):
    """A picture and the body maps of people in `frames` (x, y, width, height as shares)."""
    full = aux("util").resize_image(np.zeros((height, width, 3), np.uint8), resolution).shape
    fed = round(full[0] * 184 / full[0]), round(full[1] * 184 / full[0])
    cells = -(-fed[0] // 8), -(-fed[1] // 8)
    people = []
    for i, (left, top, wide, high) in enumerate(frames):
        parts = [((left + wide * x) * fed[1] / 8 - .5, (top + high * y) * fed[0] / 8 - .5)
                 for x, y in PERSON]
        people.append([None if (i, part) in missing else place
                       for part, place in enumerate(parts)])
    fields, heatmaps = body_maps(people, *cells)
    random = np.random.default_rng(seed)
    fields += random.normal(0, .02, fields.shape)
    heatmaps += np.abs(random.normal(0, .01, heatmaps.shape))
    return photo(width, height, seed), fields.astype(np.float32), heatmaps.astype(np.float32)


def body_oracle(answering):
    body = object.__new__(original("open_pose.body").Body)
    body.model = answering
    return body


def fitted(map_, picture):
    return cv2.resize(map_, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def check_drawn(ours, expected, picture):
    apart = np.abs(ours.astype(int) - fitted(expected, picture).astype(int)).max(2) > 2
    # A point that rounds to the next pixel moves the edge of a disc.
    assert apart.mean() < 0.002, f"{apart.sum()} pixels of {apart.size}"
    assert (ours.max(2) > 0).mean() > 0.01


TWO = [(0, .02, .55, .95), (.45, .1, .5, .85)]
SCENES = {
    "one": (192, 192, 192, 1, [(.1, .05, .8, .9)]),
    "two": (320, 256, 256, 2, TWO),
    "parts missing": (300, 201, 192, 3, TWO, {(0, 4), (0, 10), (1, 0), (1, 14), (1, 15)}),
    "too little of one": (256, 256, 256, 4, TWO, {(1, p) for p in range(3, 18)}),
    "portrait": (97, 240, 128, 5, [(0, .1, 1, .8)]),
    "crowd": (512, 256, 256, 6, [(.02 + .24 * i, .1, .24, .8) for i in range(4)]),
}


@pytest.mark.parametrize("name", SCENES)
def test_bodies(name):
    picture, fields, heatmaps = scene(*SCENES[name])
    resolution = SCENES[name][2]
    answering = Answering([fields, heatmaps])
    expected = original("open_pose").OpenposeDetector(body_oracle(answering))(
        picture, resolution, resolution, return_pil=False)
    ours, reply = annotate("openpose", picture, {"detect_resolution": resolution},
                           {"openpose-body": [[fields, heatmaps]]})
    seen = reply["openpose-body.seen.0"]
    assert seen.shape == answering.asked[0].shape
    assert np.abs(seen - answering.asked[0]).max() < 3 / 256
    check_drawn(ours, expected, picture)


def blobs(count, side, seed):
    """Heatmaps [1, count, side, side] with two hills each, a higher and a lower, or none."""
    y, x = np.mgrid[0:side, 0:side] / side
    maps = np.zeros((count, side, side))
    for i in range(count):
        if i % 7 == 3:
            continue
        places = np.random.default_rng((seed, i)).uniform(.1, .9, (2, 2))
        for height, (a, b) in zip((.9, .4), places):
            maps[i] += height * np.exp(-((x - a) ** 2 + (y - b) ** 2) / .006)
    return maps[None].astype(np.float32)


def part_oracles(hand_answers, face_answers):
    """A detector of 0.0.10 whose hand and face networks answer with given maps."""
    hand = object.__new__(aux("open_pose.hand").Hand)
    hand.model = Answering(*hand_answers)
    face = object.__new__(aux("open_pose.face").Face)
    face.model = Answering(*[[answer, answer] for answer in face_answers])
    return aux("open_pose").OpenposeDetector(None, hand, face)


def expected_parts(picture, resolution, body_answer, detector):
    """The canvas of 0.0.1's bodies with the hands and faces of 0.0.10 upon it."""
    util = aux("open_pose.util")
    bgr = aux("util").resize_image(picture, resolution)[:, :, ::-1].copy()
    candidate, subset = body_oracle(Answering(body_answer))(bgr)
    canvas = original("open_pose.util").draw_bodypose(np.zeros_like(bgr), candidate, subset)
    for body in aux("open_pose.body").Body.format_body_result(candidate, subset):
        for hand in detector.detect_hands(body, bgr):
            with with_colors():
                canvas = util.draw_handpose(canvas, hand)
        canvas = util.draw_facepose(canvas, detector.detect_face(body, bgr))
    return canvas


@pytest.mark.parametrize("width, height, frames, missing", [
    (256, 256, [(.1, .05, .8, .9)], {}),
    (333, 256, TWO, {(1, 4)}),
    (201, 300, [(-.2, .05, .9, 1.1)], {(0, 14), (0, 16)}),
])
def test_hands_and_faces(width, height, frames, missing):
    picture, *body_answer = scene(width, height, 256, 7, frames, missing)
    hands = [blobs(22, side, hand) for hand in range(4) for side in (23, 46, 69, 92)]
    faces = [blobs(71, 48, 100 + i) for i in range(2)]
    detector = part_oracles([[maps] for maps in hands], faces)
    expected = expected_parts(picture, 256, body_answer, detector)
    settings = {"detect_resolution": 256, "hand_and_face": True}
    ours, reply = annotate("openpose", picture, settings, {
        "openpose-body": [body_answer], "openpose-hand": [[maps] for maps in hands],
        "openpose-face": [[maps] for maps in faces]})
    asked = detector.hand_estimation.model.asked
    assert len(asked) >= 4 and f"openpose-hand.seen.{len(asked) - 1}" in reply.tensors
    assert f"openpose-hand.seen.{len(asked)}" not in reply.tensors
    for i, one in enumerate(asked):
        assert np.abs(reply[f"openpose-hand.seen.{i}"] - one).max() < 3 / 256
    assert np.abs(reply["openpose-face.seen.0"]
                  - detector.face_estimation.model.asked[0]).max() < 3 / 256
    check_drawn(ours, expected, picture)
    without, _ = annotate("openpose", picture, {"detect_resolution": 256},
                          {"openpose-body": [body_answer]})
    assert (without != ours).any()


def test_nobody_is_black():
    maps = [np.zeros((1, 38, 23, 23)), np.zeros((1, 19, 23, 23))]
    ours, _ = annotate("openpose", photo(128, 128), {"detect_resolution": 128},
                       {"openpose-body": [maps]})
    assert not ours.any()

"""What a control template costs beside others in one server: its own network and nothing else."""
import re
import shutil

import pytest

from control_store import ADAPTERS, CONTROLNETS, EMOJI_SD, make_store
from harness import Server, wait_until
from test_control_templates import SMALL, data_url, photo

# The one for inpainting needs a mask, the style adapter a second network.
LED = [name for name in CONTROLNETS + ADAPTERS if not name.endswith(("-inpaint", "-style"))]
BASE = ["text_encoder", "tokenizer", "unet", "vae"]


def residents(server):
    pattern = r'dream_resident_bytes\{worker="0",kind="([^"]+)",name="([^"]+)"\} (\S+)'
    return {(kind, name): float(size)
            for kind, name, size in re.findall(pattern, server.get("/metrics").text)}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """With a network of its own for each template."""
    folder = make_store(tmp_path_factory.mktemp("models"))
    for name in LED:
        place = folder / name
        if place.is_symlink():
            network = place.resolve()
            place.unlink()
            shutil.copytree(network, place)
    return folder


def start(store, *args):
    server = Server("vanilla", args=("--models", str(store), "--all", *args), weights=EMOJI_SD,
                    wait="", env={"DREAM_TEMPLATE_PATH": ""})
    wait_until(server.listening, what="listening")
    server.wait_for("READY", limit_s=60)
    return server


def draw(server, template):
    inputs = SMALL | {"control_image": data_url(photo()), "control_is_preprocessed": True}
    answer = server.post(f"/templates/{template}/predictions", {"input": inputs}, timeout=60)
    assert answer.json["status"] == "succeeded", answer.json["error"]
    return answer.json["output"]


def test_a_further_template_costs_its_own_network(store):
    server = start(store)
    try:
        assert sorted(kind for kind, _ in residents(server)) == BASE
        logs = server.get("/health-check").json["setup"]["logs"]
        assert [logs.count(f"{part} (") for part in BASE] == [1, 1, 1, 1], logs
        for template in LED[:4]:
            before = residents(server)
            draw(server, template)
            new = residents(server).keys() - before.keys()
            assert [kind for kind, _ in new] == [template.rpartition("-")[0]]
            assert template in new.pop()[1]
            assert before.items() <= residents(server).items()
            draw(server, template)
            assert len(residents(server)) == len(before) + 1
    finally:
        server.kill()


def test_networks_leave_under_the_budget_and_come_back(store):
    one, other = LED[0], LED[-1]
    probe = start(store)
    try:
        first = draw(probe, one)
        sizes = residents(probe)
    finally:
        probe.kill()
    budget = int(sum(sizes.values())) + 1000
    server = start(store, "--memory-budget", str(budget))
    try:
        for template in (one, other, one):
            drawn = draw(server, template)
            held = residents(server)
            assert sum(held.values()) <= budget
            assert [name for kind, name in held if kind not in BASE] == [str(store / template)]
        assert drawn == first
    finally:
        server.kill()

"""What a control template costs beside others in one server: its own network and nothing else."""
import re
import shutil

import pytest

from control_store import ADAPTERS, CONTROLNETS, EMOJI_SD, make_store
from harness import Server, wait_until
from test_control_templates import SMALL, data_url, photo

MIB = 1 << 20
# The one for inpainting needs a mask, the style adapter a second network, and emoji-sd brings a
# network for edges.
LED = [name for name in CONTROLNETS + ADAPTERS
       if not name.endswith(("-inpaint", "-style", "-canny"))]
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
    """Up to the eighth ControlNet, by what the server tells and by what the kernel counts."""
    server = start(store)
    try:
        assert sorted(kind for kind, _ in residents(server)) == BASE
        logs = server.get("/health-check").json["setup"]["logs"]
        assert [logs.count(f"{part} (") for part in BASE] == [1, 1, 1, 1], logs
        nets = [name for name in LED if name.startswith("controlnet-")][:8]
        assert len(nets) == 8
        for template in [*nets, LED[-1]]:
            before, private_before = residents(server), server.private_bytes()
            draw(server, template)
            [added] = residents(server).keys() - before.keys()
            assert added[0] == template.rpartition("-")[0] and template in added[1]
            assert before.items() <= residents(server).items()
            draw(server, template)
            assert len(residents(server)) == len(before) + 1
            grown = server.private_bytes() - private_before
            print(f"{template}: {residents(server)[added] / MIB:.1f} MiB, "
                  f"the process grew by {grown / MIB:.1f} MiB")
            if template == nets[7]:  # convolutions are laid out anew, which takes more
                assert grown < 1.25 * residents(server)[added] + 8 * MIB
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

"""Webhooks: every receiver for itself, those about one training in their order."""

import socket
import threading
import time

from harness import wait_until

from images import make_weights
from platforms import TRAINER, Platform


class Silent:
    """Takes connections, and never answers."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/hook"
        self.taken = []
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        try:
            while True:
                self.taken.append(self.socket.accept()[0])
        except OSError:
            pass

    def close(self):
        self.socket.close()
        for connection in self.taken:
            connection.close()


def test_receivers_that_hang_delay_no_other(tmp_path, database, trainer, template, receiver):
    silent = [Silent() for _ in range(3)]
    with Platform(tmp_path / "data", trainer=trainer.url, template=template, database=database,
                  args=["--trainings-at-once", "4"]) as platform:
        weights = platform.upload(make_weights("w"), "output.zip")
        for hook in silent:
            for _ in range(3):
                platform.wait_end(platform.create(weights=weights, webhook_completed=hook.url))
        wait_until(lambda: all(hook.taken for hook in silent), 20, "every silent receiver")
        begun = time.monotonic()
        told = platform.create(weights=weights, webhook_completed=receiver.url)
        receiver.terminal(told, 25)
        assert time.monotonic() - begun < 25, "30 s is what one that hangs is waited for"
        assert all(len(hook.taken) == 1 for hook in silent), "one at a time for each of them"
        assert platform.end() == 0
    for hook in silent:
        hook.close()


def official(platform, receiver, **fields):
    platform.post("/v1/models", {"owner": "anna", "name": "target", "visibility": "private",
                                 "hardware": "cpu"})
    made = platform.post(
        f"/v1/models/replicate/dreambooth/versions/{TRAINER}/trainings",
        {"destination": "anna/target", "webhook": receiver.url, **fields})
    assert made.status == 201, made.text
    return made.json["id"]


def test_a_training_tells_all_that_its_filter_names(platform, receiver):
    identity = official(platform, receiver,
                        input={"instance_prompt": "x", "seconds": 1},
                        webhook_events_filter=["start", "output", "logs", "completed"])
    receiver.terminal(identity, 30)
    told = receiver.of(identity)
    assert told[0]["status"] == "starting" and told[0]["logs"] == ""
    logs = [body["logs"] for body in told]
    assert any(0 < len(text) < len(logs[-1]) for text in logs), "logs as they grow"
    assert "pushed" in logs[-1]
    assert [body["status"] for body in told][-2:] == ["processing", "succeeded"]
    assert told[-2]["output"] == told[-1]["output"] and told[-1]["output"]["version"]
    statuses = [body["status"] for body in told]
    order = ["starting", "processing", "succeeded"]
    assert statuses == sorted(statuses, key=order.index)


def test_a_filter_chooses(platform, receiver):
    seen = {}
    for events in (["start"], ["output"], ["completed"], None):
        more = {} if events is None else {"webhook_events_filter": events}
        identity = official(platform, receiver, input={"instance_prompt": "x"}, **more)
        platform.wait_end(identity)
        wait_until(lambda: receiver.of(identity), 20, f"the webhook for {events}")
        time.sleep(0.5)
        seen[str(events)] = [body["status"] for body in receiver.of(identity)]
    assert seen == {"['start']": ["starting"], "['output']": ["processing"],
                    "['completed']": ["succeeded"], "None": ["succeeded"]}

"""A batch of trainings, and kill -9 of all that works at them: platforms, runners, the trainer."""

import collections
import fcntl
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
import zipfile

from harness import BUILD, free_port, wait_until

from images import PIXEL, make_weights
from platforms import TERMINAL, Platform

FIXTURES = {"DREAM_TEMPLATE_PATH": str(BUILD / "lib/dream/test_templates")}
FEWEST = 6  # trainings that have not ended while the hunt goes on


class TrainerProcess:
    """The tests' trainer, which is there again at the same address after it was killed."""

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.journal = folder / "told"
        self.journal.touch()
        self.start()

    def start(self):
        script = pathlib.Path(__file__).with_name("trainer.py")
        self.process = subprocess.Popen([sys.executable, script, str(self.port), self.journal])
        wait_until(self.answers, 30, "the trainer")

    def answers(self):
        assert self.process.poll() is None
        try:
            return urllib.request.urlopen(f"{self.url}/health-check", timeout=5).status == 200
        except OSError:
            return False

    def end(self):
        self.process.kill()
        self.process.wait()

    def told(self):
        """The ends that the platform has taken: (training, status), as often as it was told."""
        return [tuple(line.split()) for line in self.journal.read_text().splitlines()]


class Hunt:
    def __init__(self, folder, template, database, receiver, registry, platforms, at_once):
        self.folder, self.database, self.receiver = folder, database, receiver
        self.registry = registry
        self.trainer = TrainerProcess(folder)
        self.platforms = [
            Platform(folder / "data", trainer=self.trainer.url, template=template,
                     database=database, env=FIXTURES,
                     args=["--trainings-at-once", str(at_once), "--registry",
                           f"{registry.host}/models", "--trainer", "mine=template:returns_weights"])
            for _ in range(platforms)]
        self.made, self.kills, self.known = [], collections.Counter(), {}
        self.archive = folder / "both.zip"
        with zipfile.ZipFile(self.archive, "w") as archive:
            archive.writestr("photo.png", PIXEL)
            archive.writestr("model_index.json", "{}")

    def __enter__(self):
        return self

    def __exit__(self, *details):
        for platform in self.platforms:
            platform.__exit__()
        self.trainer.end()

    # The batch: by the remote trainer, by a runner of this machine, with weights that are given.

    def create(self):
        platform, i = self.platforms[0], len(self.made)
        fields = {"model": f"hunt/m{i}", "webhook_completed": self.receiver.url}
        kind = ("remote", "local", "remote", "given")[i % 4]
        if kind == "given":
            fields["weights"] = platform.upload(make_weights(str(i)), "output.zip")
        elif kind == "local":
            fields["trainer_version"] = "mine"
            fields["input"] = {"instance_prompt": "x", "steps": random.randint(20, 200),
                               "instance_data": platform.upload(self.archive.read_bytes())}
        else:
            fields["input"] = {"instance_prompt": f"photo {i}", "seconds": random.uniform(0.2, 2)}
            if i % 8 == 2:
                fields["input"]["instance_data"] = platform.upload()
        self.made.append((platform.create(**fields), kind))

    def look(self):
        """What has not ended yet, by id."""
        for identity, _ in self.made:
            if self.known.get(identity, {}).get("status") not in TERMINAL:
                self.known[identity] = self.platforms[0].training(identity)
        return {identity: training for identity, training in self.known.items()
                if training["status"] not in TERMINAL}

    def keep_busy(self):
        while len(self.look()) < FEWEST:
            self.create()

    # The kills.

    def kill_one(self):
        kinds = {"platform": self.kill_platform, "runner": self.kill_runner,
                 "trainer": self.kill_trainer}
        for kind in random.sample(list(kinds), 3):
            if kinds[kind]():
                self.kills[kind] += 1
                return

    def kill_platform(self):
        victim = random.choice(self.platforms)
        victim.end(signal.SIGKILL)
        victim.start()
        return True

    def first_try(self, identity):
        """Three are allowed, and a second kill may come before the first is seen."""
        training = self.known.get(identity)
        return training is not None and training["steps"][0]["attempt"] <= 1

    def kill_runner(self):
        for platform in random.sample(self.platforms, len(self.platforms)):
            found = subprocess.run(["pgrep", "-a", "-P", str(platform.process.pid), "-f",
                                    "dream serve"], capture_output=True, text=True).stdout
            for line in found.splitlines():
                process = int(line.split()[0])
                try:
                    seen = pathlib.Path(f"/proc/{process}/environ").read_text()
                except OSError:
                    continue  # it has just ended
                training = re.search(r"/outputs/([a-z0-9]{26})\.", seen)
                if training and self.first_try(training[1]):
                    os.kill(process, signal.SIGKILL)
                    return True
        return False

    def kill_trainer(self):
        remote = {identity for identity, kind in self.made if kind == "remote"}
        running = [identity for identity, training in self.look().items()
                   if identity in remote and training["status"] != "queued"]
        if not running or not all(map(self.first_try, running)):
            return False
        self.trainer.end()
        self.trainer.start()
        return True

    def run(self, kills):
        while self.kills.total() < kills:
            self.keep_busy()
            time.sleep(random.uniform(0.1, 1.0))
            self.look()
            self.kill_one()
        wait_until(lambda: not self.look(), 240, "the end of all trainings")

    # The proof.

    def check(self):
        told = collections.Counter(end for end in self.trainer.told() if end[1] == "succeeded")
        twice = [identity for (identity, _), times in told.items() if times > 1]
        assert not twice, f"trained twice although the first result was taken: {twice}"
        for identity, _ in self.made:
            self.check_end(identity)
        self.check_files()

    def check_end(self, identity):
        training = self.known[identity]
        assert training["status"] == "succeeded", training
        # A receiver may be told twice, of the same.
        wait_until(lambda: self.receiver.of(identity), 60, f"the webhook of {identity}")
        ids = {headers["webhook-id"] for headers, body in zip(
            self.receiver.headers, self.receiver.bodies) if body["id"] == identity}
        assert len(ids) == 1, (ids, training)
        ends = {(body["status"], body["version"]) for body in self.receiver.of(identity)}
        assert ends == {("succeeded", training["version"])}
        rows = self.query(f"SELECT id FROM versions WHERE training = '{identity}'")
        assert rows in ([training["version"]], []), rows  # equal weights are an equal version

    def check_files(self):
        """Nothing lies about that nobody knows of: in the store, on its way, in the registry."""
        blobs = self.folder / "data/blobs"
        kept = {path.name for path in (blobs / "sha256").glob("*/*")}
        used = set(self.query("SELECT sha256 FROM files WHERE sha256 IS NOT NULL")) | set(
            self.query("SELECT weights FROM trainings WHERE weights IS NOT NULL"))
        assert kept == used, (kept - used, used - kept)
        left = list((blobs / "incoming").iterdir())
        for path in left:
            with open(path) as file:  # locked by whoever still writes it
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.utime(path, (time.time() - 7200,) * 2)
        self.platforms[0].end()
        self.platforms[0].start()  # sweeps what is old and nobody's
        assert list((blobs / "incoming").iterdir()) == []
        self.check_registry()

    def check_registry(self):
        # Of an upload that was given up on, the registry keeps the folder and the hash's state.
        begun = [path.with_name("data") for path in
                 self.registry.folder.rglob("_uploads/*/startedat")]
        sent = [path for path in begun if path.exists() and path.stat().st_size > 0]
        assert sent == [], f"uploads of the registry that were never ended: {sent}"
        # Who is killed while the registry answers that an upload is begun knows of none.
        few = 2 + self.kills["platform"] // 5
        assert len(begun) <= few, f"{len(begun)} uploads were begun, and nothing was sent"

    def query(self, statement):
        """The first column."""
        if self.database.startswith("sqlite:"):
            with sqlite3.connect(self.database.removeprefix("sqlite:")) as connection:
                return [row[0] for row in connection.execute(statement)]
        words = dict(word.split("=", 1) for word in self.database.removeprefix(
            "postgres:").split())
        done = subprocess.run(["psql", "-h", words["host"], "-U", words["user"], "-d",
                               words["dbname"], "-Atc", statement],
                              capture_output=True, text=True, check=True)
        return done.stdout.split()

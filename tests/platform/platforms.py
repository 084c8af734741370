"""A running `dream platform` and a client of it."""

import os
import pathlib
import signal
import subprocess
import tempfile

from harness import BUILD, Client, free_port, wait_until

from images import make_pictures

TRAINER = "cd3f925f7ab21afaef7d45224790eedbb837eeac40d22e8fefe015489ab644aa"
TERMINAL = ("succeeded", "failed", "canceled")
# Of the tests' own; "whsec_" and 32 bytes in base64.
WEBHOOK_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class Platform(Client):
    """Started at once; start() and end() do it again, on the same port."""

    def __init__(self, data, trainer=None, template=None, database=None, tokens="", args=(),
                 public_url=None, port=None, env=None):
        super().__init__(port or free_port())
        self.data = pathlib.Path(data)
        self.token = tokens.replace(",", " ").split(" ")[0].split("=")[-1]
        self.log_file = tempfile.NamedTemporaryFile("w+", prefix="dream-log-", delete=False)
        self.command = [BUILD / "bin/dream", "platform", "--port", str(self.port), "--data",
                        str(data), "--lease", "2", *args]
        for flag, value in (("--runner", trainer), ("--database", database),
                            ("--public-url", public_url)):
            if value:
                self.command += [flag, value]
        if template:
            self.command += ["--template", f"vanilla={template}"]
        self.env = {**os.environ, "DREAM_API_TOKENS": tokens,
                    "WEBHOOK_SIGNING_SECRET": WEBHOOK_SECRET, **(env or {})}
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, env=self.env, stderr=self.log_file,
                                        stdout=subprocess.DEVNULL)
        wait_until(self.listening, 30, "the platform")

    def listening(self):
        assert self.process.poll() is None, self.log()
        try:
            return self.get("/v1/trainings/none").status in (401, 404)
        except OSError:
            return False

    def end(self, number=signal.SIGTERM, limit_s=30):
        self.process.send_signal(number)
        return self.process.wait(limit_s)

    def log(self):
        return pathlib.Path(self.log_file.name).read_text()

    def __enter__(self):
        return self

    def __exit__(self, *details):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log_file.close()
        os.unlink(self.log_file.name)

    def request(self, method, path, body=None, headers=None, **options):
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Token {self.token}")
        return super().request(method, path, body, headers, **options)

    def upload(self, data=None, name="data.zip"):
        """The serving_url of new pictures, or of `data`."""
        urls = self.post(f"/v1/upload/{name}").json
        path = urls["upload_url"].split(f":{self.port}", 1)[1]
        answer = self.request("PUT", path, make_pictures() if data is None else data)
        assert answer.status == 200, answer.text
        return urls["serving_url"]

    def create(self, model="anna/me", **fields):
        body = {"model": model, **fields}
        if "input" not in body and "weights" not in body:
            body["input"] = {"instance_prompt": "a photo of cjw person",
                             "instance_data": self.upload()}
        answer = self.post("/v1/trainings", body)
        assert answer.status == 201, answer.text
        return answer.json["id"]

    def training(self, identity):
        answer = self.get(f"/v1/trainings/{identity}")
        assert answer.status == 200, answer.text
        return answer.json

    def wait_status(self, identity, *statuses, limit_s=60):
        def reached():
            training = self.training(identity)
            return training if training["status"] in statuses else None
        return wait_until(reached, limit_s, f"the status {' or '.join(statuses)}")

    def wait_end(self, identity, limit_s=60):
        return self.wait_status(identity, *TERMINAL, limit_s=limit_s)

    def step(self, identity, name):
        return next(s for s in self.training(identity)["steps"] if s["name"] == name)

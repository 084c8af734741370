"""A trainer of the tests: a Cog server, as the platform sees one, that counts what it does."""

import base64
import http.server
import json
import pathlib
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))

from harness import LocalServer  # noqa: E402

from images import make_weights  # noqa: E402

PROPERTIES = {
    "instance_prompt": {"type": "string", "x-order": 0},
    "instance_data": {"type": "string", "format": "uri", "x-order": 1},
    "max_train_steps": {"type": "integer", "minimum": 1, "maximum": 10000, "x-order": 2},
    "learning_rate": {"type": "number", "x-order": 3},
    "lr_scheduler": {"allOf": [{"$ref": "#/components/schemas/lr_scheduler"}], "x-order": 4},
    "train_text_encoder": {"type": "boolean", "x-order": 5},
    "seconds": {"type": "number", "x-order": 6},
    "fail": {"type": "string", "x-order": 7},
    "output": {"type": "string", "x-order": 8},
}


def document(more_inputs):
    inputs = {"type": "object", "required": ["instance_prompt"],
              "properties": PROPERTIES | more_inputs}
    return {"openapi": "3.0.2", "paths": {"/predictions": {"post": {}}}, "components": {"schemas": {
        "Input": inputs, "lr_scheduler": {"type": "string", "enum": ["constant", "linear"]}}}}


class Run:
    """One prediction: reports by webhooks as coglet does, the last one again until it is taken."""

    def __init__(self, trainer, identity, body):
        self.trainer, self.identity, self.body = trainer, identity, body
        self.canceled = threading.Event()
        self.logs = ""
        threading.Thread(target=self.run, daemon=True).start()

    def snapshot(self, status, **more):
        return {"id": self.identity, "status": status, "logs": self.logs, **more}

    def tell(self, snapshot, tries=1):
        for attempt in range(tries):
            request = urllib.request.Request(
                self.body["webhook"], json.dumps(snapshot).encode(),
                {"Content-Type": "application/json"}, method="POST")
            try:
                urllib.request.urlopen(request, timeout=10).close()
                return True
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code != 429:
                    self.trainer.refused.append(error.code)
                    return False
            except OSError:
                pass
            time.sleep(0.1 * 2 ** attempt)
        return False

    def run(self):
        inputs = self.body["input"]
        self.tell(self.snapshot("processing"))
        try:
            if "instance_data" in inputs:
                urllib.request.urlopen(inputs["instance_data"], timeout=10).read()
        except OSError as error:
            inputs = {"fail": f"cannot fetch instance_data: {error}"}
        end = time.monotonic() + inputs.get("seconds", 0.2)
        step = 0
        while time.monotonic() < end and not self.canceled.wait(0.05):
            step += 1
            self.logs += self.trainer.line(step)
            if step % 5 == 0:
                self.tell(self.snapshot("processing"))
        outcome = self.outcome(inputs)
        self.trainer.ended(self.identity, outcome["status"])
        if self.tell(outcome, tries=12):
            self.trainer.told(self.identity, outcome["status"])

    def outcome(self, inputs):
        if self.canceled.is_set():
            return self.snapshot("canceled")
        if "fail" in inputs:
            return self.snapshot("failed", error=inputs["fail"])
        output = inputs.get("output") or self.trainer.output_url() or self.small_weights(inputs)
        return self.snapshot("succeeded", output=output, metrics={"predict_time": 1.5})

    @staticmethod
    def small_weights(inputs):
        weights = make_weights(inputs["instance_prompt"])
        return "data:application/zip;base64," + base64.b64encode(weights).decode()


class Trainer(LocalServer):
    """`weights`: an output.zip that every training gives, by URL; else each gives a small one of
    its own, as a data URL. `more_inputs`: as a schema has them."""

    def __init__(self, capacity=100, port=0, weights=None, more_inputs=None):
        self.weights, self.document = weights, document(more_inputs or {})
        self.capacity, self.running, self.begun, self.cancels = capacity, {}, [], []
        self.bodies, self.refused, self.outcomes = {}, [], []
        self.lock = threading.Lock()
        self.started_at = f"2024-01-15T10:30:00.{time.monotonic_ns()}"
        trainer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/output.zip":
                    return self.answer_bytes(200, trainer.weights, "application/zip")
                status = "BUSY" if len(trainer.running) >= trainer.capacity else "READY"
                pages = {"/openapi.json": trainer.document, "/health-check": {
                    "status": status, "setup": {"started_at": trainer.started_at}}}
                self.answer(200 if self.path in pages else 404, pages.get(self.path, {}))

            def do_PUT(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.answer(*trainer.begin(self.path.rsplit("/", 1)[1], body))

            def do_POST(self):
                identity = self.path.split("/")[-2]
                run = trainer.running.get(identity)
                trainer.cancels.append(identity)
                if run:
                    run.canceled.set()
                self.answer(200 if run else 404, {})

            def answer(self, status, body):
                self.answer_bytes(status, json.dumps(body).encode(), "application/json")

            def answer_bytes(self, status, content, kind):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        super().__init__(Handler, port)

    def line(self, step):
        """What a run prints after so many steps."""
        return f" step {step}\n"

    def output_url(self):
        return f"{self.url}/output.zip" if self.weights else None

    def begin(self, identity, body):
        with self.lock:
            if identity in self.running:
                return 202, self.running[identity].snapshot("processing")
            if len(self.running) >= self.capacity:
                return 409, {"error": "At capacity - all prediction slots busy"}
            if "instance_prompt" not in body["input"]:
                return 422, {"detail": [{"loc": ["body", "input", "instance_prompt"],
                                         "msg": "Field required", "type": "value_error.missing"}]}
            self.begun.append(identity)
            self.bodies[identity] = body
            self.running[identity] = Run(self, identity, body)
            return 202, {"id": identity, "status": "starting"}

    def ended(self, identity, status):
        with self.lock:
            self.running.pop(identity, None)
            self.outcomes.append((identity, status))

    def told(self, identity, status):
        """The platform has taken the report of the end."""


class JournalTrainer(Trainer):
    """In a process of its own that may be killed: what the platform took is in a file."""

    def __init__(self, port, journal):
        self.journal = journal
        super().__init__(port=port)

    def told(self, identity, status):
        with open(self.journal, "a") as file:
            file.write(f"{identity} {status}\n")


if __name__ == "__main__":
    JournalTrainer(int(sys.argv[1]), sys.argv[2])
    threading.Event().wait()

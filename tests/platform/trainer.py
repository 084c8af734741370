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

# The inputs of the Stable Diffusion trainers that the Dreambooth API had, and what steers a test.
TEXT, WHOLE, NUMBER, FLAG = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))
ARCHIVE = {"type": "string", "format": "uri"}
INPUTS = {
    "instance_prompt": TEXT, "class_prompt": TEXT, "instance_data": ARCHIVE, "class_data": ARCHIVE,
    "max_train_steps": {**WHOLE, "minimum": 1, "maximum": 10000}, "learning_rate": NUMBER,
    "lr_scheduler": {"allOf": [{"$ref": "#/components/schemas/lr_scheduler"}]},
    "train_text_encoder": FLAG, "num_class_images": WHOLE, "ckpt_base": ARCHIVE,
    "lr_warmup_steps": WHOLE, "gradient_accumulation_steps": WHOLE, "gradient_checkpointing": FLAG,
    "train_batch_size": WHOLE, "seconds": NUMBER, "fail": TEXT, "output": TEXT,
}
PROPERTIES = {name: {**kind, "x-order": i} for i, (name, kind) in enumerate(INPUTS.items())}
DOCUMENT = {"openapi": "3.0.2", "paths": {"/predictions": {"post": {}}}, "components": {"schemas": {
    "Input": {"type": "object", "required": ["instance_prompt"], "properties": PROPERTIES},
    "lr_scheduler": {"type": "string", "enum": ["constant", "linear"]}}}}


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
        output = inputs.get("output") or ("data:application/zip;base64," + base64.b64encode(
            make_weights(inputs["instance_prompt"])).decode())
        return self.snapshot("succeeded", output=output, metrics={"predict_time": 1.5})


class Trainer(LocalServer):
    def __init__(self, capacity=100, port=0):
        self.capacity, self.running, self.begun, self.cancels = capacity, {}, [], []
        self.bodies, self.refused, self.outcomes = {}, [], []
        self.lock = threading.Lock()
        self.started_at = f"2024-01-15T10:30:00.{time.monotonic_ns()}"
        trainer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status = "BUSY" if len(trainer.running) >= trainer.capacity else "READY"
                pages = {"/openapi.json": DOCUMENT, "/health-check": {
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
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *arguments):
                pass

        super().__init__(Handler, port)

    def line(self, step):
        """What a run prints after so many steps."""
        return f" step {step}\n"

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

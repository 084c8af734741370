"""A platform with versions of small templates, for clients that run predictions."""

import http.server
import json
import subprocess

from harness import BUILD, LocalServer, wait_until

from images import make_pictures, make_template, make_weights
from platforms import TERMINAL, TRAINER, Platform

OWNER, TOKEN = "anna", "a-token-of-anna"
TEST_TEMPLATES = str(BUILD / "lib/dream/test_templates")
# Versions by what they are for, and the template of the tests that runs each.
TEMPLATES = {"echo": "echo", "texts": "counter", "fails": "sleeper"}


def schema_of(name):
    done = subprocess.run([BUILD / "bin/dream", "templates", "schema", name], check=True,
                          capture_output=True, text=True,
                          env={"DREAM_TEMPLATE_PATH": TEST_TEMPLATES})
    return json.loads(done.stdout)


class Deliveries(LocalServer):
    """Keeps webhooks in a file, one JSON object a line, for clients in processes of their own."""

    def __init__(self, path):
        path.touch()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                with path.open("a") as file:
                    file.write(json.dumps({"headers": headers, "body": body}) + "\n")
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        super().__init__(Handler)
        self.path = path


class Place(Platform):
    """`versions`: "owner/name:id" by what they are for."""

    def __init__(self, folder, trainer, hook, **options):
        args = ["--trainings-at-once", "4", "--hosts", "8", *options.pop("args", [])]
        for purpose, name in TEMPLATES.items():
            image = make_template(folder / purpose, schema_of(name))
            args += ["--template", f"{purpose}={image}", "--serve-with", f"{purpose}={name}"]
        super().__init__(folder / "data", trainer=trainer.url, template=image, args=args,
                         tokens=f"{OWNER}={TOKEN}",
                         env={"DREAM_TEMPLATE_PATH": TEST_TEMPLATES}, **options)
        self.hook = hook
        self.archive = self.upload(make_pictures())
        made = {purpose: self.make_version(purpose, purpose) for purpose in TEMPLATES}
        self.versions = {purpose: self.version(identity) for purpose, identity in made.items()}

    def make_version(self, template, seed, model=None):
        """The id of a training that makes one; equal for equal seeds."""
        return self.create(f"{OWNER}/{model or template}", template_version=template,
                           weights=self.upload(make_weights(seed), "output.zip"))

    def version(self, training):
        ended = self.wait_end(training)
        assert ended["status"] == "succeeded", ended
        return ended["output"]["version"]

    def wait_end_of_prediction(self, identity):
        def ended():
            told = self.get(f"/v1/predictions/{identity}").json
            return told if told["status"] in TERMINAL else None
        return wait_until(ended, 60, f"the end of {identity}")

    def counts(self):
        """How many there are of all that a request can make."""
        return {kind: len(self.get(f"/v1/{kind}").json["results"])
                for kind in ("predictions", "trainings", "models", "deployments", "files")}

    def described(self):
        """As the programs in official/ read it."""
        return {"base": f"http://127.0.0.1:{self.port}", "token": TOKEN, "owner": OWNER,
                "trainer": f"replicate/dreambooth:{TRAINER}", "archive": self.archive,
                "hook": self.hook.url, "deliveries": str(self.hook.path), **self.versions}

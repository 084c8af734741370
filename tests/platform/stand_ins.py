"""Between a platform and a suite of tests that was written for a mock server: puts real things for
the suite's placeholders in each request. Answers go back as they came, byte for byte."""

import collections
import http.client
import http.server
import itertools
import json
import threading

from harness import LocalServer

from places import OWNER, TOKEN
from platforms import TRAINER

# A version that a test gives up; made before, since each takes a while.
SPARE_VERSIONS = 15


class StandIns(LocalServer):
    def __init__(self, place):
        self.place, self.lock, self.numbers = place, threading.Lock(), itertools.count()
        self.seen = collections.Counter()  # of requests, by method and path as the suite has them
        self.make_world()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with proxy.lock:  # the requests of a test come in order; the world is one
                    status, headers, content = proxy.forward(
                        self.command, self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "connection", "transfer-encoding",
                                            "date", "server"):
                        self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_DELETE = do_QUERY = do_PUT = handle_any

            def log_message(self, *arguments):
                pass

        super().__init__(Handler)

    def make_world(self):
        place = self.place
        spares = [place.make_version("echo", f"spare {i}", "spares")
                  for i in range(SPARE_VERSIONS)]
        self.spares = [place.version(identity).split(":")[1] for identity in spares]
        self.version = place.versions["echo"].split(":")[1]
        self.deployment = self.new_deployment()
        prediction = self.create("/v1/predictions", {"version": self.version,
                                                     "input": {"text": "x"}})
        training = self.create(
            f"/v1/models/replicate/dreambooth/versions/{TRAINER}/trainings",
            {"destination": f"{OWNER}/echo", "input": {"instance_prompt": "x"}})
        self.names = {
            "prediction_id": prediction["id"], "training_id": training["id"],
            "file_id": self.new_file(), "collection_slug": "texts", "model_owner": OWNER,
            "model_name": "echo", "version_id": self.version, "deployment_owner": OWNER,
            "deployment_name": self.deployment}
        examples = {"default_example": prediction["id"]}
        place.wait_end_of_prediction(prediction["id"])
        answer = place.request("PATCH", f"/v1/models/{OWNER}/echo",
                               {"readme": "# Echo\n", **examples})
        assert answer.status == 200, answer.text

    def create(self, path, body):
        answer = self.place.post(path, body)
        assert answer.status == 201, answer.text
        return answer.json

    def fresh(self, what):
        return f"{what}-{next(self.numbers)}"

    def new_model(self):
        name = self.fresh("model")
        self.create("/v1/models", {"owner": OWNER, "name": name, "visibility": "private",
                                   "hardware": "cpu"})
        return name

    def new_deployment(self):
        name = self.fresh("deployment")
        self.create("/v1/deployments", {
            "name": name, "model": f"{OWNER}/echo", "version": self.version, "hardware": "cpu",
            "min_instances": 0, "max_instances": 1})
        return name

    def new_file(self):
        form = ('--edge\r\nContent-Disposition: form-data; name="content"; filename="a.txt"\r\n'
                "Content-Type: text/plain\r\n\r\nhello\r\n--edge--\r\n")
        answer = self.place.post("/v1/files", form, headers={
            "Content-Type": "multipart/form-data; boundary=edge"})
        assert answer.status == 201, answer.text
        return answer.json["id"]

    # Which of the world a request means.

    def real_path(self, method, path):
        parts = path.split("/")
        names = dict(self.names)
        if parts[-1] == "trainings" and method == "POST":
            names |= {"model_owner": "replicate", "model_name": "dreambooth",
                      "version_id": TRAINER}
        # One of its own: the suite gives it no hosts, and others predict on the common one.
        if method == "PATCH" and parts[-1] == "deployment_name":
            names["deployment_name"] = self.new_deployment()
        if method == "DELETE":
            last = parts[-1].partition("?")[0]
            if last == "model_name":
                names["model_name"] = self.new_model()
            elif last == "version_id":
                names |= {"model_name": "spares", "version_id": self.spares.pop()}
            elif last == "deployment_name":
                names["deployment_name"] = self.new_deployment()
            elif last == "file_id":
                names["file_id"] = self.new_file()
        return "/".join(names.get(part, part) for part in parts)

    def real_body(self, path, body):
        inputs = body.get("input")
        if isinstance(inputs, dict):
            if path.endswith("/trainings"):
                body["input"] = {"instance_prompt": "a photo of cjw", **inputs}
            elif "prompt" in inputs:
                body["input"] = {"text": inputs["prompt"]}
        if "owner" in body:
            body |= {"owner": OWNER, "name": self.fresh("hot-dog-detector")}
        elif "name" in body:
            body |= {"name": self.fresh("deployment"), "model": f"{OWNER}/echo"}
        if "hardware" in body:
            body["hardware"] = "cpu"
        if "destination" in body:
            body["destination"] = f"{OWNER}/echo"
        if "webhook" in body:
            body["webhook"] = self.place.hook.url
        if "version" in body:
            body["version"] = self.version
        for field in ("cover_image_url", "license_url"):
            if field in body:
                body[field] = f"https://example.com/{field}"
        return body

    def forward(self, method, path, headers, body):
        self.seen[f"{method} {path.partition('?')[0]}"] += 1
        if "json" in headers.get("Content-Type", "") and body:
            told = json.loads(body)
            if isinstance(told, dict):
                body = json.dumps(self.real_body(path.partition("?")[0], told)).encode()
        headers = {name: value for name, value in headers.items()
                   if name.lower() not in ("host", "content-length", "authorization",
                                           "accept-encoding", "connection")}
        headers["Authorization"] = f"Bearer {TOKEN}"
        connection = http.client.HTTPConnection("127.0.0.1", self.place.port, timeout=60)
        try:
            connection.request(method, "/v1" + self.real_path(method, path), body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

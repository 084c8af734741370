"""What the clients of the Dreambooth API send, request by request, and need of the answers.

Transcribed from their sources; each entry names where, at which commit. Most have the address of
the API in their code rather than in a setting, so they send its name here too."""

import dataclasses
import http.client
import json
import subprocess
import urllib.parse

import requests

RETIRED_HOST = "dreambooth-api-experimental.replicate.com"
SD15 = "cd3f925f7ab21afaef7d45224790eedbb837eeac40d22e8fefe015489ab644aa"
WITH_CKPT = "9c41656f8ae2e3d2af4c1b46913d7467cd891f2c1c5f3d97f1142e876e63ed7a"
WITH_CLASS_DATA = "a8ba568da0313951a6b311b43b1ea3bf9f2ef7b9fd97ed94cebd7ffd2da66654"
# Of Dough's `dreambooth_training`: the poses its users choose among.
TEMPLATES = {
    "normal": "b65d36e378a01ef81d81ba49be7deb127e9bb8b74a28af3aa0eaca16b9bcd0eb",
    "canny": "3c60cbfce253b1d82fea02c7692d13c1e96b36a22da784470fcbedc603a1ed4b",
    "hed": "bef0803be223ecb38361097771dbea7cd166514996494123db27907da53d75cd",
    "scribble": "346b487d77a0bdd150c4bbb8f162f7cd4a4491bca5f309105e078556d0789f11",
    "seg": "a0266713f8c30b35a3f4fc8212fc9450cecea61e4181af63cfb54e5a152ecb24",
    "openpose": "141b8753e2973933441880e325fd21404923d0877014c9f8903add05ff530e52",
    "depth": "6cf8fc430894121f2f91867978780011e6859b6956b499b43273afc25ed21121",
    "mlsd": "04982e9aa6d3998c2a2490f92e7ccfab2dbd93f5be9423cdf0405c7b86339022",
}
BOT_TEMPLATE = "e9639aebcd8c92810d487efe5df25078b350583d83228867b35ae4aee6557a2c"

# What they tell the trainer of Stable Diffusion 1.5, and its variants, besides what is tested here.
MORE_INPUTS = {name: {"type": kind} for kind, names in {
    "string": ("class_prompt", "class_data", "ckpt_base"),
    "integer": ("num_class_images", "lr_warmup_steps", "gradient_accumulation_steps",
                "train_batch_size"),
    "boolean": ("gradient_checkpointing",)}.items() for name in names}


def prompts(data, **more):
    return {"instance_prompt": "a photo of a cjw person", "class_prompt": "a photo of a person",
            "instance_data": data, **more}


class Caller:
    """Sends what a client sends: these headers and no others that matter."""

    def __init__(self, port, token, archive):
        self.port, self.token, self.archive = port, token, archive
        self.base = f"http://127.0.0.1:{port}"
        self.login = {"Authorization": f"Token {token}"}

    def send(self, method, url, headers, body=None):
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def call(self, method, path, headers, body=None):
        """For those with the retired service's host in their code."""
        return self.send(method, path, {"Host": RETIRED_HOST, **self.login, **headers}, body)


# How the archive goes up: each gives the URL for `instance_data`.

def by_curl(caller):
    """Two commands of a shell script, with jq between them."""
    def curl(*arguments):
        return subprocess.run(["curl", "-sS", "--fail-with-body", *arguments], check=True,
                              capture_output=True, text=True).stdout
    told = json.loads(curl("-X", "POST", "-H", f"Authorization: Token {caller.token}",
                           f"{caller.base}/v1/upload/data.zip"))
    curl("-X", "PUT", "-H", "Content-Type: application/zip", "--upload-file", caller.archive,
         told["upload_url"])
    return told["serving_url"]


def by_requests(zip_type_at_first, login_at_put):
    def upload(caller):
        typed = {"Content-Type": "application/zip"}
        first = requests.post(f"{caller.base}/v1/upload/data.zip",
                              headers={**caller.login, **(typed if zip_type_at_first else {})})
        assert first.status_code == 200  # Dough takes anything else for a failure
        put = requests.put(first.json()["upload_url"], data=caller.archive.open("rb"),
                           headers={**typed, **(caller.login if login_at_put else {})})
        assert put.status_code == 200
        return first.json()["serving_url"]
    return upload


def by_faraday(caller):
    """The Ruby client: a body of `{}` at first, then a stream that is chunked and tells its length
    as well, which Net::HTTP sends as it is told."""
    status, text = caller.send("POST", "/v1/upload/data.zip",
                               {**caller.login, "Content-Type": "application/json"}, b"{}")
    assert status != 400, text  # the only status that it looks at
    told = json.loads(text)
    data = caller.archive.read_bytes()
    connection = http.client.HTTPConnection("127.0.0.1", caller.port, timeout=30)
    connection.putrequest("PUT", urllib.parse.urlsplit(told["upload_url"]).path)
    for name, value in (("Content-Type", "application/zip"), ("Content-Length", str(len(data))),
                        ("Transfer-Encoding", "chunked")):
        connection.putheader(name, value)
    connection.endheaders()
    for i in range(0, len(data), 16384):
        piece = data[i:i + 16384]
        connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    connection.send(b"0\r\n\r\n")
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    connection.close()
    return told["serving_url"]


def by_saloon(caller):
    """The PHP client: its PUT has the archive as the one part of a form, and a login."""
    headers = {**caller.login, "Accept": "application/json"}
    first = requests.post(f"{caller.base}/v1/upload/{caller.archive.name}", headers=headers)
    files = {caller.archive.name: (caller.archive.name, caller.archive.open("rb"))}
    put = requests.put(first.json()["upload_url"], headers=headers, files=files)
    assert put.ok, put.text
    return first.json()["serving_url"]


def by_delphi(caller):
    status, text = caller.call("POST", "/v1/upload/data.zip", {"Content-Length": "0"})
    told = json.loads(text)
    status, text = caller.send("PUT", told["upload_url"], {"Content-Type": "application/zip"},
                               caller.archive.read_bytes())
    assert (status, text) == (200, "")
    return told["serving_url"]


@dataclasses.dataclass
class Client:
    name: str
    source: str
    body: dict          # DATA, ELSEWHERE and HOOK stand for URLs
    upload: object = None    # None: the archive lies elsewhere on the web
    headers: dict = dataclasses.field(
        default_factory=lambda: {"Content-Type": "application/json"})
    scheme: str = "Token"
    first: tuple = (201,)    # the statuses it takes as good
    also_needs: tuple = ()   # keys of a training that it reads besides id, status and version


AXIOS = {"Content-Type": "application/json", "Accept-Encoding": "*"}
PHOTOSHOT = {"instance_prompt": "a photo of anna person", "class_prompt": "a photo of a person",
             "instance_data": "ELSEWHERE"}

CLIENTS = [
    Client("dreambooth-action", "replicate/dreambooth-action 21268da train.yaml",
           {"input": prompts("DATA", max_train_steps=2000), "model": "anna/action",
            "trainer_version": SD15}, by_curl),
    Client("photoshot, 2022", "baptadn/photoshot bc2caf9 pages/api/projects/[id]/train.ts",
           {"input": {**PHOTOSHOT, "max_train_steps": 800, "num_class_images": 50,
                      "learning_rate": 1e-6},
            "model": "anna/clbq2k3", "webhook_completed": "HOOK/api/webhooks/completed"},
           headers=AXIOS),
    Client("photoshot, 2023", "the same, later",
           {"input": {**PHOTOSHOT, "max_train_steps": 3000, "num_class_images": 200,
                      "learning_rate": 1e-6},
            "model": "anna/clbq2k4", "trainer_version": SD15,
            "webhook_completed": "HOOK/api/webhooks/completed"}, headers=AXIOS),
    Client("ai-pet-photo", "blaynem/ai-pet-photo 4dd50e7 pages/api/projects/[id]/train.ts",
           {"input": {"instance_prompt": "rex dog", "class_prompt": "dog",
                      "instance_data": "ELSEWHERE", "num_class_images": 200,
                      "max_train_steps": 800, "lr_warmup_steps": 80, "learning_rate": 1e-6,
                      "lr_scheduler": "constant", "gradient_accumulation_steps": 1,
                      "gradient_checkpointing": True, "train_batch_size": 1,
                      "train_text_encoder": True},
            "trainer_version": SD15, "model": "anna/rex-the-dog_1.0",
            "webhook_completed": "HOOK/api/webhooks/trainingComplete?secret=hunter2&projectId=7"},
           headers=AXIOS),
    Client("replicate-ruby", "dreamingtulpa/replicate-ruby 30970f0 client/training.rb",
           {"input": {"instance_prompt": "zwx style", "class_prompt": "style",
                      "instance_data": "DATA", "max_train_steps": 5000},
            "model": "anna/zwx", "webhook": None}, by_faraday),
    Client("durable-replicate-ruby", "durableprogramming/durable-replicate-ruby d43c979",
           {"input": prompts("DATA", max_train_steps=2000), "model": "anna/durable",
            "webhook": "HOOK/durable"}, by_faraday,
           {"Content-Type": "application/json", "Accept": "application/json",
            "Connection": "keep-alive"}, first=tuple(range(200, 300))),
    Client("replicate-php", "SabatinoMasala/replicate-php 935da76 Resources/TrainingResource.php; "
           "sawirricardo/replicate-php dce87a8 is its origin",
           {"model": "anna/php", "trainer_version": SD15, "webhook_completed": "HOOK/php",
            "input": prompts("DATA")}, by_saloon,
           {"Content-Type": "application/json", "Accept": "application/json"}),
    *(Client(f"Dough, {pose}", "banodoco/Dough ml_processor/replicate/replicate.py",
             {"input": prompts("DATA", max_train_steps=2000), "model": f"anna/dough-{pose}",
              "trainer_version": SD15, "template_version": version,
              "webhook_completed": "HOOK/dreambooth-webhook"},
             by_requests(zip_type_at_first=True, login_at_put=True))
      for pose, version in TEMPLATES.items()),
    Client("tahainc's bot", "its generateModel",
           {"input": {"instance_prompt": "photo of a cjw man", "class_prompt": "photo of a man",
                      "instance_data": "ELSEWHERE", "class_data": "ELSEWHERE",
                      "max_train_steps": 1500, "num_class_images": 1500,
                      "ckpt_base": "ELSEWHERE"},
            "model": "anna/dreambooth-models", "trainer_version": WITH_CLASS_DATA,
            "template_version": BOT_TEMPLATE, "webhook_completed": "HOOK/model-completed/17"}),
    Client("nikhilkumar9764/dreambooth", "ef27fba app.py",
           {"input": prompts("DATA", max_train_steps=2000, ckpt_base="ELSEWHERE"),
            "model": "anna/dreambooth_testing2", "trainer_version": WITH_CKPT,
            "notes": "of a user", "webhook": "HOOK/nikhil"},
           by_requests(zip_type_at_first=False, login_at_put=False)),
    Client("louvivien", "its train script",
           {"input": prompts("DATA", max_train_steps=2000), "model": "anna/nathalie",
            "trainer_version": SD15, "webhook_completed": "HOOK/dreambooth-webhook"},
           by_requests(zip_type_at_first=False, login_at_put=False)),
    Client("ImagiCraft", "AlexStan0/ImagiCraft b7db6b5 node-backend/Model.js",
           {"input": prompts("DATA", max_train_steps=2000), "model": "anna/imagicraft",
            "trainer_version": SD15}, by_curl),
    Client("DreamboothFineTunningJS", "its createModel",
           {"input": prompts("ELSEWHERE", max_train_steps=2000), "model": "anna/tuned",
            "webhook_completed": ""}),
    Client("DreamBooth-Desktop-Client", "FMXExpress/DreamBooth-Desktop-Client uMainForm.pas",
           {"input": prompts("DATA", max_train_steps=2000), "model": "anna/mymodal",
            "trainer_version": SD15, "webhook_completed": None}, by_delphi, {},
           also_needs=("created_at",)),
    Client("the revised blog", "replicate.com/blog/dreambooth-api",
           {"input": prompts("DATA", max_train_steps=2000), "model": "anna/blog",
            "trainer_version": SD15, "webhook_completed": "HOOK/dreambooth-webhook"}, by_curl,
           scheme="Bearer"),
]

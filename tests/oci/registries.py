"""Debian's docker-registry as a test needs it: plain, with TLS, with passwords, with tokens."""
import base64
import json
import os
import secrets
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD = "tester", "correct horse:battery"
# bcrypt of PASSWORD, which is all that docker-registry takes.
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuu1DSOvLAN8Rc8UD5iCtnhSRhvGJGnOpm\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Certificate:
    certificate: Path
    key: Path

    @staticmethod
    def make(folder):
        """A certificate for localhost that is its own authority."""
        made = Certificate(folder / "cert.pem", folder / "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext",
             "basicConstraints=critical,CA:TRUE", "-keyout", made.key, "-out", made.certificate],
            check=True, capture_output=True)
        return made

    def server_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def web_base64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer(ThreadingHTTPServer):
    """Hands out signed tokens for what was asked, to whoever knows the password; to others for
    pulls alone. `life_s` is how long they are good for."""

    def __init__(self, certificate):
        super().__init__(("127.0.0.1", 0), TokenHandler)
        self.certificate, self.life_s, self.requests, self.refresh = certificate, 300, [], None
        self.failures = 0
        self.socket = certificate.server_context().wrap_socket(self.socket, server_side=True)
        self.url = f"https://localhost:{self.server_port}/token"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def sign(self, access):
        der = ssl.PEM_cert_to_DER_cert(self.certificate.certificate.read_text())
        now = int(time.time())
        head = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        claims = {"iss": "test", "sub": USER, "aud": "registry", "exp": now + self.life_s,
                  "nbf": now - 10, "iat": now, "jti": secrets.token_hex(8), "access": access}
        text = ".".join(web_base64(json.dumps(part).encode()) for part in (head, claims))
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.certificate.key],
                                input=text.encode(), capture_output=True, check=True).stdout
        return f"{text}.{web_base64(signed)}"


class TokenHandler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.give(parse_qs(urlsplit(self.path).query))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.give(parse_qs(body))

    def give(self, query):
        server = self.server
        server.requests.append(query | {"method": [self.command]})
        if server.failures:
            server.failures -= 1
            return self.answer(503, {})
        login = f"{USER}:{PASSWORD}".encode()
        known = self.headers.get("Authorization") == "Basic " + base64.b64encode(login).decode()
        known = known or (server.refresh and query.get("refresh_token") == [server.refresh])
        if not known and ("Authorization" in self.headers or self.command == "POST"):
            return self.answer(401, {"errors": []})
        access = []
        for scope in query.get("scope", []):
            kind, name, actions = scope.split(":")
            allowed = [a for a in actions.split(",") if known or a == "pull"]
            access.append({"type": kind, "name": name, "actions": allowed})
        self.answer(200, {"token": server.sign(access), "expires_in": server.life_s})


class Registry:
    """A docker-registry process with storage of its own."""

    def __init__(self, folder, tls=None, auth="", port=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.tls = port or free_port(), tls
        self.name = f"localhost:{self.port}"
        config = [f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {folder}/data\n"
                  "  delete:\n    enabled: true\nlog:\n  level: error\n"
                  f"http:\n  addr: 127.0.0.1:{self.port}\n  secret: test\n"]
        if tls:
            config.append(f"  tls:\n    certificate: {tls.certificate}\n    key: {tls.key}\n")
        (folder / "config.yml").write_text("".join(config) + auth)
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen(["docker-registry", "serve", folder / "config.yml"],
                                        stdout=self.log, stderr=self.log)
        self.wait()

    def wait(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"docker-registry did not start: {self.log.name}")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

    def get(self, path, **headers):
        """The JSON at a path below /v2/ of a plain registry."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v2/{path}",
                                         headers=headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


def password_auth(folder):
    (folder / "htpasswd").write_text(HTPASSWD)
    return f"auth:\n  htpasswd:\n    realm: test\n    path: {folder}/htpasswd\n"


def token_auth(server):
    return (f"auth:\n  token:\n    realm: {server.url}\n    service: registry\n    issuer: test\n"
            f"    rootcertbundle: {server.certificate.certificate}\n")


def clean_environment(home):
    kept = {k: v for k, v in os.environ.items()
            if not k.startswith(("DREAM_", "COG_", "DOCKER_", "REGISTRY_", "XDG_"))}
    return kept | {"HOME": str(home)}
